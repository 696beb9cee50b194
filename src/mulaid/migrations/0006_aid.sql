-- Mutual aid: authorisations in full, household accounts, frozen quotas.
set local search_path = mulaid, public;

-- The row that changes of a person's relations queue behind: counts of givers and receivers are taken under it.
create table aid_party (
    book    integer not null,
    person  uuid    not null,
    changes bigint  not null,
    primary key (book, person)
);

-- What the giver promised when opening: sealed, because it names people; the hash is over the text itself.
create table aid_promise (
    book      integer     not null,
    aid       uuid        not null,
    edition   text        not null,
    text      bytea       not null,
    hash      bytea       not null,
    agreed_at timestamptz not null,
    agreed_by text        not null,
    primary key (book, aid)
);

-- A household account: members' money put together, in the head's book; its purse has kind 3 and the household's id as holder.
create table household (
    book      integer     not null,
    id        uuid        not null,
    head      uuid        not null,
    region    text        not null check (region ~ '^[0-9]{6}$'),
    opened_on date        not null,
    closed_on date,
    version   integer     not null default 1,
    primary key (book, id)
);
create unique index household_of_head on household (book, head) where closed_on is null;

-- Who may spend it, in the member's own book: a patient's pool is one look-up. The head is a member too (relation 'self').
-- month and transfers: how often the member has moved money into the pool in that month.
create table household_member (
    book           integer  not null,
    id             uuid     not null,
    person         uuid     not null,
    household_book integer  not null,
    household      uuid     not null,
    relation       text     not null,
    joined_on      date     not null,
    left_on        date,
    month          date,
    transfers      smallint not null default 0 check (transfers >= 0),
    version        integer  not null default 1,
    primary key (book, id)
);
create unique index household_of_person on household_member (book, person) where left_on is null;

-- The same from the household's side, in the head's book. part: what of the pool is the member's own, as of the last transfer; what
-- was spent since then was everybody's in proportion.
create table household_roll (
    book        integer not null,
    household   uuid    not null,
    member_book integer not null,
    member      uuid    not null,
    id          uuid    not null,
    part        bigint  not null default 0 check (part >= 0),
    left_on     date,
    primary key (book, household, id)
);

-- A head's invitation, in the invited person's book. status: waiting, accepted, declined; a waiting one past lapses_at is nothing.
create table household_invitation (
    book           integer     not null,
    id             uuid        not null,
    person         uuid        not null,
    household_book integer     not null,
    household      uuid        not null,
    relation       text        not null,
    status         text        not null check (status in ('waiting', 'accepted', 'declined')),
    invited_at     timestamptz not null,
    lapses_at      timestamptz not null,
    decided_at     timestamptz,
    primary key (book, id)
);
create unique index household_invitation_once on household_invitation (book, person, household) where status = 'waiting';

-- Wallet, quota mode: part of the giver's own account (purse.frozen) waits for one relative in another area. In the receiver's book.
-- A draw takes `fen` from the giver's purse balance and frozen alike and adds it to `used`; a refund undoes both while it is active,
-- and afterwards returns to the giver's balance only. status: active, released, ended_by_system
create table wallet_grant (
    book            integer     not null,
    id              uuid        not null,
    receiver        uuid        not null,
    receiver_region text        not null,
    giver_book      integer     not null,
    giver           uuid        not null,
    giver_region    text        not null,
    relation        text        not null,
    status          text        not null check (status in ('active', 'released', 'ended_by_system')),
    quota           bigint      not null check (quota > 0),
    used            bigint      not null default 0 check (used between 0 and quota),
    uses            text[]      not null,
    opened_at       timestamptz not null,
    valid_to        date,
    ended_at        timestamptz,
    ended_because   text,
    version         integer     not null default 1,
    primary key (book, id)
) with (fillfactor = 80);
create unique index wallet_grant_once on wallet_grant (book, receiver, giver) where status = 'active';

-- The same from the giver's side.
create table wallet_given (
    book          integer not null,
    giver         uuid    not null,
    receiver_book integer not null,
    receiver      uuid    not null,
    wallet        uuid    not null,
    ended_at      timestamptz,
    primary key (book, giver, wallet)
);

-- Every draw on a quota, and every return of one (negative), in the receiver's book. cleared: the month whose report has it.
create table wallet_draw (
    book            integer not null,
    id              uuid    not null,
    wallet          uuid    not null,
    journal         uuid    not null,
    settlement      uuid,
    fen             bigint  not null check (fen <> 0),
    giver_region    text    not null,
    receiver_region text    not null,
    business_date   date    not null,
    cleared         date,
    primary key (book, id)
);
create index wallet_draw_to_clear on wallet_draw (book, business_date) where cleared is null;

-- What the giver's area owes the receiver's area for a month, as far as one book knows; a month is cleared by adding up books.
create table clearing (
    book            integer     not null,
    month           date        not null,
    giver_region    text        not null,
    receiver_region text        not null,
    fen             bigint      not null,
    draws           integer     not null,
    made_at         timestamptz not null,
    primary key (book, month, giver_region, receiver_region)
);

-- Wallet, transfer mode (2025): an opened wallet is a purse of kind 4 with the person as holder.
-- day and sent: how many transfers went out on that day.
create table wallet (
    book      integer     not null,
    person    uuid        not null,
    region    text        not null,
    opened_at timestamptz not null,
    opened_by uuid        not null,
    closed_at timestamptz,
    day       date,
    sent      smallint    not null default 0 check (sent >= 0),
    version   integer     not null default 1,
    primary key (book, person)
);

-- One transfer, in the sender's book. source: 1 own account, 4 wallet. status: waiting, accepted, returned
create table wallet_transfer (
    book          integer     not null,
    id            uuid        not null,
    sender        uuid        not null,
    source        smallint    not null check (source in (1, 4)),
    receiver_book integer     not null,
    receiver      uuid        not null,
    fen           bigint      not null check (fen > 0),
    status        text        not null check (status in ('waiting', 'accepted', 'returned')),
    sent_at       timestamptz not null,
    accept_by     timestamptz not null,
    decided_at    timestamptz,
    journal       uuid        not null,
    primary key (book, id)
);
create index wallet_transfer_waiting on wallet_transfer (book, accept_by) where status = 'waiting';

-- The same from the receiver's side.
create table wallet_incoming (
    book        integer     not null,
    receiver    uuid        not null,
    sender_book integer     not null,
    transfer    uuid        not null,
    sent_at     timestamptz not null,
    primary key (book, receiver, transfer)
);
