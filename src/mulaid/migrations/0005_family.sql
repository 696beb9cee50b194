-- Family accounts: requests to bind, consent, activation, face checks.
set local search_path = mulaid, public;

-- What a bond rests on, and what the two sides have said since.
-- assurance: how the member's own word was proved; none for the young, whose guardian speaks.
-- consent_due: the day from which consent must have been given anew; showing codes and reading costs stop there until it is.
-- reminded: for which of those days the two sides were told beforehand.
-- suspended_at: a dispute keeps the bond from being used without ending it.
alter table family_bond
    add column assurance     text    not null default 'none'
        check (assurance in ('none', 'sandbox', 'counter_clerk', 'liveness_authority', 'national_netid')),
    add column consent_due   date,
    add column reminded      date,
    add column may_read      boolean not null default true,
    add column label         bytea,
    add column channel       text    not null default '',
    add column suspended_at  timestamptz,
    add column ended_by      text check (ended_by in ('binder', 'member', 'agency', 'system')),
    add column ended_because text    not null default '';
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

-- One credential a person, nationwide: activated once, frozen and thawed. way: face, guardian, counter
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
    primary key (book, person)
);

-- Whoever freezes a credential ends what it has become at institutions.
create index visit_token_of_person on visit_token (person);

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
