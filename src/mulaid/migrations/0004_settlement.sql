-- Money moves: visits, bills and settlements, what else institutions exchange, premiums, monthly crediting; the reference tables they
-- rest on.
set local search_path = mulaid, public;

-- Reference tables.

create table institution (
    code    text     not null primary key check (code ~ '^[0-9A-Za-z]{1,14}$'),
    name    text     not null,
    kind    smallint not null check (kind in (1, 2)),
    region  text     not null check (region ~ '^[0-9]{6}$'),
    level   text     not null,
    book    integer  not null,
    enabled boolean  not null default true
);

-- Connections: every transport of docs/gateway.md, who may act over one, and how much. Public keys of SM2 signatures: two of them while
-- one replaces the other; `cipher` is the sealed secret of an encrypted transport.
create table client (
    id              text    not null primary key,
    institution     text    not null references institution (code),
    transport       text    not null
        check (transport in ('open', 'mulaid1', 'csb', 'tif', 'hmac-sm3', 'apikey', 'oauth', 'cainfo', 'sealed')),
    profile         text    not null,
    operators       text[],
    secret          bytea,
    next_secret     bytea,
    public_key      bytea check (octet_length(public_key) = 64),
    next_public_key bytea check (octet_length(next_public_key) = 64),
    cipher          bytea,
    per_minute      integer check (per_minute > 0),
    enabled         boolean not null default true
);

-- The national catalogue as this area runs it. grade 01 class A, 02 class B, 03 outside; upfront in millionths;
-- tag: see docs/packs.md 4.3
create table catalogue_item (
    code       text    not null,
    valid_from date    not null,
    valid_to   date,
    name       text    not null,
    grade      text    not null check (grade in ('01', '02', '03')),
    upfront    integer check (upfront between 0 and 1000000),
    limit_fen  bigint,
    charge     text    not null,
    tag        text    not null default '',
    primary key (code, valid_from)
);

-- Diagnoses, operations, chronic diseases and whatever else is downloaded as a list. list: the number of the transaction
create table catalogue_listing (
    list       text not null check (list ~ '^13[0-9]{2}$'),
    code       text not null,
    valid_from date not null,
    valid_to   date,
    name       text not null,
    updated_on date not null,
    primary key (list, code, valid_from)
);

create table pack (
    digest text not null primary key,
    region text not null,
    name   text not null,
    body   text not null
);

-- Visits and settlements.

create table sign_in (
    book        integer     not null,
    institution text        not null,
    sign_no     text        not null,
    operator    text        not null,
    signed_at   timestamptz not null,
    ended_at    timestamptz,
    primary key (book, institution, sign_no)
);

-- A stay in hospital begins with the day of admission and ends with that of discharge.
create table visit (
    book        integer     not null,
    id          uuid        not null,
    person      uuid        not null,
    institution text        not null references institution (code),
    use         text        not null check (use in ('outpatient', 'pharmacy', 'inpatient')),
    number      text        not null,
    begun_on    date        not null,
    ended_on    date,
    insutype    text        not null,
    med_type    text        not null default '',
    disease     text        not null default '',
    presenter   uuid,
    chosen      uuid,
    card        bytea,  -- the printed card it was registered with
    info        json,
    opened_at   timestamptz not null,
    cancelled_at timestamptz,
    version     integer     not null default 1,
    primary key (book, id),
    check (ended_on >= begun_on)
);
create index visit_open_stay on visit (book, person) where use = 'inpatient' and ended_on is null;
create index visit_of_person on visit (book, person, begun_on);

create table fee_line (
    book        integer not null,
    visit       uuid    not null,
    serial      text    not null,
    batch       text    not null,
    item        text    not null,
    name        text    not null,
    fen         bigint  not null check (fen between 0 and 1000000000000),
    in_policy   bigint  not null,
    upfront     bigint  not null,
    over_limit  bigint  not null,
    self_funded bigint  not null,
    grade       text    not null,
    tag         text    not null,
    detail      json    not null,
    primary key (book, visit, serial),
    check (least(in_policy, upfront, over_limit, self_funded) >= 0),
    check (in_policy + upfront + over_limit + self_funded = fen)
);

create function settlement_holds(
    total bigint, pool bigint, supplement bigint, serious bigint, current_year bigint, account bigint, household bigint, aid bigint,
    wallet bigint, cash bigint, deductible bigint, counted bigint, self_paid bigint, pays boolean) returns boolean
    language plpgsql immutable parallel safe
as $$
begin
    return pool + supplement + serious + current_year + account + household + aid + wallet + cash = total
       and case when pays then least(pool, supplement, serious, current_year, account, household, aid, wallet, cash, deductible, counted,
                                     self_paid) >= 0
                else greatest(pool, supplement, serious, current_year, account, household, aid, wallet, cash, deductible, counted,
                              self_paid) <= 0 end;
end $$;

-- A settlement and what it rests on. `added` is what the bill adds to the sums of its insured year, in the order of
-- policy.split.Added. A refund is a settlement of its own with `refunds` set and all amounts negative.
-- The row is written once and read seldom: keeping facts and steps in line, uncompressed, spares each settlement the time of compressing
-- them and of several more rows beside the table.
create table settlement (
    book          integer     not null,
    id            uuid        not null,
    visit         uuid        not null,
    person        uuid        not null,
    institution   text        not null,
    infno         text        not null,
    msgid         text        not null,
    batch         text        not null,
    service_date  date        not null,
    year          smallint    not null,
    business_date date        not null,
    settled_at    timestamptz not null,
    total         bigint      not null,
    pool          bigint      not null,
    supplement    bigint      not null,
    serious       bigint      not null,
    current_year  bigint      not null,
    account       bigint      not null,
    household     bigint      not null,
    aid           bigint      not null,
    wallet        bigint      not null,
    cash          bigint      not null,
    deductible    bigint      not null,
    counted       bigint      not null,
    self_paid     bigint      not null,
    added         bigint[]    not null,
    facts         json        not null,
    steps         json        not null,
    packs         json        not null,
    journals      uuid[]      not null,
    journal_books integer[]   not null,
    presenter     uuid,
    refunds       uuid,
    refunded_by   uuid,
    primary key (book, id),
    check (settlement_holds(total, pool, supplement, serious, current_year, account, household, aid, wallet, cash, deductible, counted,
                            self_paid, refunds is null))
) with (toast_tuple_target = 8160);
create unique index settlement_live on settlement (book, visit, batch) where refunds is null and refunded_by is null;
create unique index settlement_refund on settlement (book, refunds) where refunds is not null;
create index settlement_of_person on settlement (book, person, service_date);
-- Reconciliation looks for an institution's settlements of some days, in every book.
create index settlement_of_institution on settlement (book, institution, business_date);

-- What institutions exchange beside settlements.

-- What institutions report and ask back and that moves no money: filings, stock, settlement lists, matched catalogue entries,
-- admissions, departments, clearing applications. In the person's book where there is a person, else in the institution's home book.
-- `subject` makes a report unique while it lives; `sealed` holds the members that name people, `body` all others.
-- fen and quantity (ten-thousandths of a unit) are what is summed.
create table exchange_record (
    book         integer     not null,
    id           uuid        not null,
    kind         text        not null,
    institution  text        not null references institution (code),
    person       uuid,
    about        uuid,
    subject      text        not null,
    begins_on    date,
    ends_on      date,
    fen          bigint      not null default 0,
    quantity     bigint      not null default 0,
    body         json        not null,
    sealed       bytea,
    at           timestamptz not null,
    version      integer     not null default 1,
    cancelled_at timestamptz,
    primary key (book, id),
    check (ends_on is null or ends_on >= begins_on)
);
create unique index exchange_record_once on exchange_record (book, kind, institution, subject) where cancelled_at is null;
create index exchange_record_of_person on exchange_record (book, person, kind) where person is not null;
create index exchange_record_about on exchange_record (book, about, kind) where about is not null;

-- Files that go back and forth with reconciliation and catalogues, in the institution's home book, sealed because rows name people.
create table exchange_file (
    book        integer     not null,
    id          uuid        not null,
    institution text        not null references institution (code),
    name        text        not null,
    content     bytea       not null,
    made_at     timestamptz not null,
    expires_at  timestamptz not null,
    primary key (book, id)
);

-- Orders of the mobile centre, in the patient's book. Whether one is paid or refunded is what the settlements of its visit say.
create table mobile_order (
    book        integer     not null,
    id          uuid        not null,
    institution text        not null references institution (code),
    person      uuid        not null,
    number      text        not null,
    visit       uuid        not null,
    batch       text        not null,
    pay_token   bytea       not null,
    total       bigint      not null check (total > 0),
    accounts    boolean     not null,
    made_at     timestamptz not null,
    expires_at  timestamptz not null,
    revoked_at  timestamptz,
    primary key (book, id)
);
create unique index mobile_order_once on mobile_order (book, institution, number);

-- Money that comes and goes by the calendar.

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

-- Everything that is sealed, row by row.
create view to_seal as
    select book, 'journal' as chain, id, row_to_json(journal) as content from journal
    union all select book, 'settlement', id, row_to_json(settlement) from settlement
    union all select book, 'audit', id, row_to_json(audit) from audit;
