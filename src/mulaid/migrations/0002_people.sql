-- Who: persons, their enrolment over time, what was filed for them; what they show, agree to and are reached by.
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

-- Enrolment.

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

-- The year's sums of one person: what deductibles, bands and caps count; stays in hospital and chronic diseases count apart.
-- `self_paid` is what the person bore within the catalogue, the base of serious illness and of the tax deduction. `version` moves with
-- every settlement.
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

-- Proving who one is: consent, faces, the e-credential and what is shown of it.

-- Agreements: who agreed to which text for whom. `hash` is of the text as it was shown, `letter` that text, sealed.
create table consent (
    book         integer     not null,
    id           uuid        not null,
    subject      uuid        not null,
    purpose      text        not null,
    giver        uuid        not null,
    capacity     text        not null check (capacity in ('self', 'guardian')),
    version      text        not null,
    hash         bytea       not null,
    letter       bytea       not null,
    about        uuid,
    channel      text        not null,
    place        text        not null,
    at           timestamptz not null,
    withdrawn_at timestamptz,
    primary key (book, id),
    check (capacity = 'guardian' or purpose <> 'family_guardian')
);
create index consent_of_subject on consent (book, subject, id);

-- Face checks: what was asked of a provider and what it said; never a picture. In the asker's book.
-- state: begun (the provider has not been asked yet), sent, passed, failed, expired
create table face_check (
    book         integer     not null,
    id           uuid        not null,
    asker        uuid        not null,
    purpose      text        not null check (purpose in ('bind', 'activate', 'renew')),
    about        uuid        not null,
    subject      bytea       not null,
    state        text        not null check (state in ('begun', 'sent', 'passed', 'failed', 'expired')),
    provider     text,
    provider_ref text,
    provider_txn text,
    binds_number boolean     not null default false,
    problem      text        not null default '',
    score        integer check (score between 0 and 10000),
    assurance    text,
    begun_at     timestamptz not null,
    expires_at   timestamptz,
    finished_at  timestamptz,
    used_at      timestamptz,
    primary key (book, id),
    check ((state in ('passed', 'failed', 'expired')) = (finished_at is not null)),
    check (used_at is null or state = 'passed')
);
create index face_check_about on face_check (book, about, id);

-- One credential a person, nationwide: activated once, frozen and thawed. way: face, guardian, counter
-- frozen_by: who froze it, the person or a relative by id, nobody where an agency did. What the agency froze only the agency thaws.
create table credential (
    book         integer     not null,
    person       uuid        not null,
    activated_at timestamptz not null,
    activator    uuid        not null,
    way          text        not null check (way in ('face', 'guardian', 'counter')),
    assurance    text        not null
        check (assurance in ('none', 'sandbox', 'counter_clerk', 'liveness_authority', 'national_netid')),
    frozen_at    timestamptz,
    frozen_why   text        not null default '',
    frozen_by    uuid,
    primary key (book, person)
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
-- Whoever freezes a credential ends what it has become at institutions, and what the frozen person has out for others: a stolen phone
-- shows relatives' codes too.
create index visit_token_of_person on visit_token (person);
create index visit_token_of_presenter on visit_token (presenter);

-- Being reached, and being signed in.

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

-- The number a person proved to have.
create table phone (
    book      integer     not null,
    person    uuid        not null,
    number    bytea       not null,
    proved_at timestamptz not null,
    primary key (book, person)
);

-- Directory: codes sent to a number for one purpose in one session. Neither number nor code is stored.
create table phone_code (
    number     bytea       not null,
    purpose    text        not null,
    session    bytea       not null,
    hash       bytea       not null,
    expires_at timestamptz not null,
    tries      smallint    not null default 0 check (tries between 0 and 5),
    used_at    timestamptz,
    primary key (number, purpose, session)
);

-- Directory: what has been used of an allowance (name) in a span of time (minute or day).
create table allowance (
    name  text    not null,
    span  text    not null,
    used  integer not null check (used > 0),
    primary key (name, span)
);

-- Short messages on their way: the worker takes one, talks to the provider outside of any transaction, and writes what came of it.
create table sms (
    book     integer     not null,
    id       uuid        not null,
    number   bytea       not null,
    template text        not null,
    filled   bytea       not null,
    state    text        not null check (state in ('waiting', 'sending', 'sent', 'failed')),
    tries    smallint    not null default 0,
    due_at   timestamptz not null,
    sent_at  timestamptz,
    receipt  text,
    trouble  text,
    primary key (book, id)
);
create index sms_waiting on sms (book, due_at) where state in ('waiting', 'sending');

-- assurance: sandbox (made-up people only), sms, linked (a host app's word). `confirmed_at` is when the person last proved to be there.
create table web_session (
    book         integer     not null,
    id           uuid        not null,
    person       uuid        not null,
    assurance    text        not null check (assurance in ('sandbox', 'sms', 'linked')),
    channel      text        not null,
    device       text        not null,
    opened_at    timestamptz not null,
    seen_at      timestamptz not null,
    confirmed_at timestamptz not null,
    ended_at     timestamptz,
    primary key (book, id)
);
create index web_session_of_person on web_session (book, person, opened_at);

-- Directory: whose a host app's id is, by blind index; made by a real sign-in that began in the app.
create table openid (
    blind     bytea       not null primary key,
    book      integer     not null,
    person    uuid        not null,
    platform  text        not null,
    linked_at timestamptz not null
);
