-- Relatives: family accounts, which show a code and move no money; mutual aid, household accounts and wallets, which move it.
set local search_path = mulaid, public;

-- Family accounts.

-- `binder` may show the code of `member`. Lives in the member's book. It moves no money.
-- assurance: how the member's own word was proved; none for the young, whose guardian speaks.
-- consent_due: the day from which consent must have been given anew; showing codes and reading costs stop there until it is.
-- reminded: for which of those days the two sides were told beforehand.
-- suspended_at: a dispute keeps the bond from being used without ending it.
create table family_bond (
    book          integer     not null,
    id            uuid        not null,
    member        uuid        not null,
    binder        uuid        not null,
    relation      text        not null,
    bound_at      timestamptz not null,
    assurance     text        not null default 'none'
        check (assurance in ('none', 'sandbox', 'counter_clerk', 'liveness_authority', 'national_netid')),
    consent_due   date,
    reminded      date,
    may_read      boolean     not null default true,
    label         bytea,
    channel       text        not null default '',
    suspended_at  timestamptz,
    ended_at      timestamptz,
    ended_by      text check (ended_by in ('binder', 'member', 'agency', 'system')),
    ended_because text        not null default '',
    version       integer     not null default 1,
    primary key (book, id)
);
create unique index family_bond_once on family_bond (book, member, binder) where ended_at is null;
create index family_bond_due on family_bond (book, consent_due) where ended_at is null and consent_due is not null;

-- The same from the binder's side, where the binder's limits are counted. role: the relation, parents as father or mother.
create table family_given (
    book        integer     not null,
    binder      uuid        not null,
    bond        uuid        not null,
    member_book integer     not null,
    member      uuid        not null,
    relation    text        not null,
    role        text        not null,
    bound_at    timestamptz not null,
    ended_at    timestamptz,
    primary key (book, binder, bond)
);

-- One row a person whose limits are being counted: whoever binds takes it first, so that counting and binding are one step.
create table family_turn (
    book   integer not null,
    person uuid    not null,
    turn   bigint  not null,
    primary key (book, person)
);

-- A request to bind, in the binder's book.
-- state: asked (a register's answer is waited for), found (the birth register answered; the user looks at it), papers, consent, face,
-- review (the agency decides), bound, refused, lapsed, withdrawn
create table family_request (
    book        integer     not null,
    id          uuid        not null,
    binder      uuid        not null,
    member_book integer,
    member      uuid,
    relation    text        not null,
    route       text        not null check (route in ('id_number', 'other_document', 'birth_certificate', 'offline')),
    state       text        not null
        check (state in ('asked', 'found', 'papers', 'consent', 'face', 'review', 'bound', 'refused', 'lapsed', 'withdrawn')),
    kinship     text        not null check (kinship in ('unknown', 'confirmed', 'contradicted')),
    birth       bytea,
    limits      jsonb       not null,
    promise     uuid,
    consent     uuid,
    face        uuid,
    assurance   text        not null default 'none',
    why         text        not null default '',
    said        text        not null default '',
    channel     text        not null,
    asked_at    timestamptz not null,
    lapses_at   timestamptz not null,
    done_at     timestamptz,
    bond        uuid,
    version     integer     not null default 1,
    primary key (book, id),
    check ((member is null) = (member_book is null)),
    check (member is not null or route = 'birth_certificate'),
    check ((state in ('bound', 'refused', 'lapsed', 'withdrawn')) = (done_at is not null)),
    check ((state = 'bound') = (bond is not null))
);
create unique index family_request_once on family_request (book, binder, member)
    where state in ('asked', 'found', 'papers', 'consent', 'face', 'review');
create index family_request_open on family_request (book, lapses_at) where state in ('asked', 'found', 'papers', 'consent', 'face');
create index family_request_review on family_request (book) where state = 'review';

-- Who is asked for, from the member's side.
create table family_invited (
    book         integer     not null,
    member       uuid        not null,
    request_book integer     not null,
    request      uuid        not null,
    at           timestamptz not null,
    primary key (book, member, request)
);

-- Pictures handed in with a request; the desk keeps them, here are their ids.
create table family_paper (
    book     integer not null,
    request  uuid    not null,
    evidence uuid    not null,
    paper    text    not null,
    primary key (book, request, evidence)
);

-- What binders did in a member's name: showed a code, read costs. In the member's book, because the member may look.
create table family_use (
    book    integer     not null,
    id      uuid        not null,
    member  uuid        not null,
    binder  uuid        not null,
    bond    uuid        not null,
    act     text        not null check (act in ('code', 'card', 'costs', 'care')),
    purpose text        not null,
    channel text        not null,
    place   text        not null,
    code    bytea,
    at      timestamptz not null,
    primary key (book, id)
);
create index family_use_of_member on family_use (book, member, id);

-- Mutual aid.

create function aid_holds(
    kinship text, status text, waits_for text, ended_at timestamptz, quota bigint, used bigint, settlement_cap bigint, month_cap bigint,
    year_cap bigint, reserve bigint, month_used bigint, year_used bigint, day_used bigint) returns boolean
    language plpgsql immutable parallel safe
as $$
begin
    return kinship in ('registered', 'promised') and status in ('pending', 'active', 'locked', 'released', 'ended_by_system')
       and (waits_for is null or waits_for in ('receiver', 'agency')) and (status = 'pending') = (waits_for is not null)
       and (status in ('released', 'ended_by_system')) = (ended_at is not null)
       and least(quota, used, settlement_cap, month_cap, year_cap, reserve, month_used, year_used, day_used) >= 0;  -- nulls do not count
end $$;

-- `giver` lets `receiver` spend the giver's account. Lives in the receiver's book, where settlements look for it.
-- status: pending (`waits_for` says whose word is missing), active, locked (asleep until the giver wakes it), released, ended_by_system.
-- Caps are gross within a Shanghai month, year and day: `month_used` counts while `month` is the first day of the present month,
-- `year_used` while `year` is the present year, `day_used` while `day` is today; an older date means nothing used yet.
-- The daily limit itself is the region's. `version` moves with every change of terms or status, never by spending.
create table aid (
    book           integer     not null,
    id             uuid        not null,
    receiver       uuid        not null,
    giver_book     integer     not null,
    giver          uuid        not null,
    relation       text        not null,
    kinship        text        not null default 'promised',
    status         text        not null,
    waits_for      text,
    lapses_at      timestamptz,
    filed_at       timestamptz not null,
    bound_at       timestamptz not null,
    valid_to       date,
    quota          bigint,
    used           bigint      not null default 0,  -- counted against a quota only
    settlement_cap bigint,
    month_cap      bigint,
    year_cap       bigint,
    reserve        bigint      not null default 0,  -- what the giver's account keeps at least
    paused         boolean     not null default false,
    month          date,
    month_used     bigint      not null default 0,
    year           smallint,
    year_used      bigint      not null default 0,
    day            date,
    day_used       bigint      not null default 0,
    rank           integer,
    uses           text[]      not null,
    ended_at       timestamptz,
    ended_because  text,
    version        integer     not null default 1,
    primary key (book, id),
    check (aid_holds(kinship, status, waits_for, ended_at, quota, used, settlement_cap, month_cap, year_cap, reserve, month_used, year_used,
                     day_used))
) with (fillfactor = 80);
create unique index aid_once on aid (book, receiver, giver) where status in ('pending', 'active', 'locked');
create index aid_for_agency on aid (book) where status = 'pending' and waits_for = 'agency';

-- What a giver has given, from the giver's side; the row that says more is in the receiver's book.
create table aid_given (
    book          integer not null,
    giver         uuid    not null,
    receiver_book integer not null,
    receiver      uuid    not null,
    aid           uuid    not null,
    ended_at      timestamptz,
    began         boolean not null default true,  -- whether it ever became active: an application that was refused counts for nothing
    primary key (book, giver, aid)
);

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

-- Household accounts.

-- Members' money put together, in the head's book; its purse has kind 3 and the household's id as holder.
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

-- Wallets.

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
