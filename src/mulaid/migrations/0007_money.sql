-- Money that comes and goes by the calendar: premiums, monthly crediting, filings, the year's costs.
set local search_path = mulaid, public;

-- How long benefits wait after a break, as it was decided. track: employee, resident. years: unpaid years that were counted,
-- months: those of the wait; claimable_back: bills of the break may be handed in; steps and pack let it be told years later.
create table waiting (
    book           integer     not null,
    id             uuid        not null,
    person         uuid        not null,
    track          text        not null check (track in ('employee', 'resident')),
    lapsed_from    date,
    paid_on        date        not null,
    begins_on      date        not null,
    months         smallint    not null check (months >= 0),
    claimable_back boolean     not null,
    steps          json        not null,
    pack           text        not null,
    undone_at      timestamptz,
    primary key (book, id)
);
create index waiting_of_person on waiting (book, person, begins_on);

-- A premium, in the book of the person who is insured by it. account + cash = fen. aid is the authorisation by which a relative's
-- account paid; empty when the account is one's own. repaired: unpaid years that were made good in the same payment.
create table premium (
    book          integer     not null,
    id            uuid        not null,
    person        uuid        not null,
    payer_book    integer     not null,
    payer         uuid        not null,
    aid           uuid,
    scheme        text        not null check (scheme in ('resident', 'ltc', 'city_supplement', 'commercial')),
    region        text        not null check (region ~ '^[0-9]{6}$'),
    year          smallint    not null,
    fen           bigint      not null check (fen > 0),
    account       bigint      not null check (account >= 0),
    cash          bigint      not null check (cash >= 0),
    repaired      smallint    not null default 0 check (repaired >= 0),
    paid_on       date        not null,
    cover_from    date        not null,
    waiting       uuid,
    facts         json        not null,
    steps         json        not null,
    packs         json        not null,
    journals      uuid[]      not null,
    journal_books integer[]   not null,
    paid_at       timestamptz not null,
    refunded_at   timestamptz,
    refunds       uuid[],
    primary key (book, id),
    check (account + cash = fen and account > 0)
);
create unique index premium_once on premium (book, person, scheme, year) where refunded_at is null;

-- The same from the payer's side.
create table premium_given (
    book        integer not null,
    payer       uuid    not null,
    person_book integer not null,
    premium     uuid    not null,
    primary key (book, payer, premium)
);

-- How far a walk over everybody of a book has come: kind credit (a month's credit) or turn (the medical year's end).
-- Whoever walks holds the row, so two at once go one after the other; `after` moves in the transaction of the batch itself.
create table walk (
    book    integer  not null,
    kind    text     not null check (kind in ('credit', 'turn')),
    since   date     not null,
    after   uuid     not null,
    people  integer  not null default 0,
    fen     bigint   not null default 0,
    left_out json    not null default '{}',
    done_at timestamptz,
    primary key (book, kind, since)
);

-- One credit a person and month, by the key alone.
create table credited (
    book     integer  not null,
    person   uuid     not null,
    month    date     not null check (extract(day from month) = 1),
    kind     smallint not null check (kind in (1, 2)),
    fen      bigint   not null check (fen > 0),
    region   text     not null,
    parameter text    not null,
    journal  uuid     not null,
    primary key (book, person, month)
);

-- Care away from home as filed. region: a pooling area, a province (xx0000) or the nation (000000); promise_only: the papers are
-- still owed until papers_due; late: filed during a stay, valid from its first day.
create table remote_filing (
    book         integer     not null,
    id           uuid        not null,
    person       uuid        not null,
    kind         text        not null check (kind in ('long_term', 'referral', 'emergency', 'other')),
    region       text        not null check (region ~ '^[0-9]{6}$'),
    reason       bytea       not null,
    valid_from   date        not null,
    valid_to     date,
    promise_only boolean     not null,
    papers_due   date,
    evidence     uuid[]      not null default '{}',
    late         boolean     not null,
    filed_at     timestamptz not null,
    ended_on     date,
    version      integer     not null default 1,
    primary key (book, id),
    check (promise_only = (papers_due is not null)),
    check (kind = 'long_term' or valid_to is not null)
);
create index remote_filing_of_person on remote_filing (book, person, valid_from);

-- Chronic and special diseases a person is certified for.
create table chronic (
    book         integer     not null,
    id           uuid        not null,
    person       uuid        not null,
    disease      text        not null,
    valid_from   date        not null,
    valid_to     date,
    certified_by text        not null,
    evidence     uuid[]      not null default '{}',
    recorded_at  timestamptz not null,
    version      integer     not null default 1,
    primary key (book, id),
    check (valid_to is null or valid_to >= valid_from)
);
create index chronic_of_person on chronic (book, person, valid_from);
