-- Money moves: visits, bill lines, settlements; the reference tables they rest on.
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

create table client (
    id          text    not null primary key,
    institution text    not null references institution (code),
    transport   text    not null check (transport in ('open', 'mulaid1', 'csb', 'tif')),
    profile     text    not null,
    secret      bytea,
    next_secret bytea,
    enabled     boolean not null default true
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

create table pack (
    digest text not null primary key,
    region text not null,
    name   text not null,
    body   text not null
);

-- Book tables.
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

-- A settlement and what it rests on. `added` is what the bill adds to the sums of its insured year, in the order of policy.split.Added. A refund is a settlement of its own with `refunds` set and all amounts negative.
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
);
create unique index settlement_live on settlement (book, visit, batch) where refunds is null and refunded_by is null;
create unique index settlement_refund on settlement (book, refunds) where refunds is not null;
create index settlement_of_person on settlement (book, person, service_date);

-- A settlement's row is written once and read seldom: keeping facts and steps in line, uncompressed, spares each settlement the
-- time of compressing them and of several more rows beside the table.
alter table settlement set (toast_tuple_target = 8160);
alter table command set (toast_tuple_target = 8160);
