-- Who: persons, enrolment over time, relations, authorisations, codes.
set local search_path = mulaid, public;

create table person (
    book          integer not null,
    id            uuid    not null,
    shown         text    not null,
    name          bytea   not null,
    document_kind text    not null,
    document      bytea   not null,
    gender        text    not null check (gender in ('0', '1', '2', '9')),
    born          date    not null,
    nation        text    not null default '01',
    died_on       date,
    primary key (book, id)
);

-- Directory: who has a document number, by blind index.
create table person_by_document (
    blind  bytea   not null primary key,
    book   integer not null,
    person uuid    not null
);

-- One row a stretch of enrolment. scheme 310 employees, 390 residents. wage_base: the month's contribution base in fen; flexible:
-- pays without an employer; inpatient_from: before this day a first enrolment does not yet cover stays in hospital.
-- status: normal, suspended, lapsed_waiting, ended, moved
create table enrolment (
    book          integer not null,
    person        uuid    not null,
    valid_from    date    not null,
    valid_to      date,
    scheme        text    not null check (scheme in ('310', '390')),
    region        text    not null check (region ~ '^[0-9]{6}$'),
    base          text    not null check (base in ('active', 'retired', 'resident')),
    psn_type      text    not null,
    status        text    not null check (status in ('normal', 'suspended', 'lapsed_waiting', 'ended', 'moved')),
    retired_on    date,
    family_doctor boolean not null default false,
    staff_group   text,
    wage_base     bigint check (wage_base between 0 and 1000000000000),
    flexible      boolean not null default false,
    inpatient_from date,
    primary key (book, person, valid_from),
    check (valid_to is null or valid_to >= valid_from),
    check ((scheme = '390') = (base = 'resident'))
);

create function insured_year_holds(
    in_policy bigint, fund bigint, supplement bigint, deductible bigint, admissions smallint, inpatient_in_policy bigint,
    inpatient_fund bigint, disease_deductible bigint, disease_fund bigint, self_paid bigint, serious bigint) returns boolean
    language plpgsql immutable parallel safe
as $$
begin
    return least(in_policy, fund, supplement, deductible, admissions, inpatient_in_policy, inpatient_fund, disease_deductible,
                 disease_fund, self_paid, serious) >= 0;
end $$;

-- The year's sums of one person: what deductibles, bands and caps count; stays in hospital and chronic diseases count apart. `self_paid` is what the person
-- bore within the catalogue, the base of serious illness and of the tax deduction. `version` moves with every settlement.
create table insured_year (
    book                 integer  not null,
    person               uuid     not null,
    year                 smallint not null,
    in_policy            bigint   not null default 0,
    fund                 bigint   not null default 0,
    supplement           bigint   not null default 0,
    deductible           bigint   not null default 0,
    admissions           smallint not null default 0,
    inpatient_in_policy  bigint   not null default 0,
    inpatient_fund       bigint   not null default 0,
    disease_deductible   bigint   not null default 0,
    disease_fund         bigint   not null default 0,
    self_paid            bigint   not null default 0,
    serious              bigint   not null default 0,
    version              bigint   not null default 0,
    primary key (book, person, year),
    check (insured_year_holds(in_policy, fund, supplement, deductible, admissions, inpatient_in_policy, inpatient_fund,
                              disease_deductible, disease_fund, self_paid, serious))
) with (fillfactor = 80);

-- Kinship as registered, one-directional rows: `other` is the `relation` of `person`.
create table kinship (
    book       integer not null,
    person     uuid    not null,
    other      uuid    not null,
    relation   text    not null,
    valid_from date    not null,
    valid_to   date,
    primary key (book, person, other, valid_from)
);

-- Family accounts: `binder` may show the code of `member`. Lives in the member's book. It moves no money.
create table family_bond (
    book     integer     not null,
    id       uuid        not null,
    member   uuid        not null,
    binder   uuid        not null,
    relation text        not null,
    bound_at timestamptz not null,
    ended_at timestamptz,
    version  integer     not null default 1,
    primary key (book, id)
);
create unique index family_bond_once on family_bond (book, member, binder) where ended_at is null;

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

-- Mutual aid: `giver` lets `receiver` spend the giver's account. Lives in the receiver's book, where settlements look for it.
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

-- Directory: minute codes of the e-credential. The code itself is never stored.
create table code (
    hash           bytea       not null primary key,
    book           integer     not null,
    person         uuid        not null,
    presenter_book integer     not null,
    presenter      uuid        not null,
    bond           uuid,
    bond_version   integer,
    chosen         uuid,
    purpose        text        not null default '',
    place          text        not null default '',
    issued_at      timestamptz not null,
    expires_at     timestamptz not null,
    used_at        timestamptz,
    used_by        text,
    revoked_at     timestamptz
);
create index code_by_presenter on code (presenter, person) where used_at is null and revoked_at is null;

-- The printed card of somebody without a phone, at most one a person; only its keyed hash is kept. It shows whom the paper is about
-- and no more, so a day's spending by it is capped: `day_used` counts while `day` is today, gross, and goes on with a new card.
create table paper_card (
    book        integer     not null,
    person      uuid        not null,
    hash        bytea       not null,
    issued_by   uuid        not null,
    bond        uuid,
    issued_at   timestamptz not null,
    expires_at  timestamptz not null,
    revoked_at  timestamptz,
    day         date,
    day_used    bigint      not null default 0 check (day_used >= 0),
    primary key (book, person),
    check ((bond is null) = (issued_by = person))
);

-- Directory: whose card a hash is.
create table paper_card_of (
    hash   bytea   not null primary key,
    book   integer not null,
    person uuid    not null
);

-- Directory: visit tokens, what a decoded code becomes at one institution. A claim to have met the person, not leave to pay.
create table visit_token (
    hash         bytea       not null primary key,
    code         bytea       not null,
    institution  text        not null,
    operator     text        not null,
    book         integer     not null,
    person       uuid        not null,
    presenter    uuid        not null,
    bond         uuid,
    bond_version integer,
    chosen       uuid,
    card         boolean     not null default false,  -- a printed card was shown; `code` is its hash
    issued_at    timestamptz not null,
    expires_at   timestamptz not null
);
create index visit_token_of_code on visit_token (code);

-- News told to a person about their money; what the messages port was given to send.
create table message (
    book    integer     not null,
    id      uuid        not null,
    person  uuid        not null,
    about   uuid,
    text    text        not null,
    channel text        not null,
    at      timestamptz not null,
    primary key (book, id)
);
