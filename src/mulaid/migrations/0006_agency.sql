-- The agency: staff, cases, evidence.
set local search_path = mulaid, public;

-- Reference: who works at an agency. A person has one account: `document` is the blind index of the paper that proves who it is.
-- Two pairs of eyes give roles: a system administrator proposes, a security administrator grants. The three administrators
-- exclude each other, and none holds a business role.
create table staff (
    id          text        not null primary key check (id ~ '^[a-z][a-z0-9.]{2,31}$'),
    name        bytea       not null,
    document    bytea       not null unique,
    region      text        not null check (region ~ '^[0-9]{6}$'),
    roles       text[]      not null default '{}',
    proposed    text[],
    proposed_by text,
    granted_by  text,
    added_by    text        not null,
    added_at    timestamptz not null,
    expires_on  date        not null,
    disabled_at timestamptz,
    check (roles <@ array['handler', 'checker'] or roles in (array['system'], array['security'], array['audit'])),
    check (proposed <@ array['handler', 'checker'] or proposed in (array['system'], array['security'], array['audit'])),
    check ((proposed is null) or (proposed_by is not null)),
    check (granted_by is null or granted_by <> proposed_by),
    check (roles = '{}' or granted_by is not null),
    check (granted_by is null or granted_by <> id)
);

-- Reference: how staff sign in. An invitation serves once, to set password and second factor; `last_step` is the newest
-- half-minute whose code was used, so that a code seen over a shoulder is worth nothing.
create table staff_key (
    staff         text        not null primary key,
    invitation    bytea,
    invited_until timestamptz,
    password      text,
    secret        bytea,
    ready_at      timestamptz,
    last_step     bigint      not null default 0,
    check (ready_at is null or (password is not null and secret is not null))
);

-- Reference: one row a member of staff, so there is one session each: signing in anew ends the one before.
create table staff_session (
    staff     text        not null primary key,
    token     bytea       not null unique,
    address   bytea       not null,
    opened_at timestamptz not null,
    seen_at   timestamptz not null,
    ended_at  timestamptz
);

-- A case lives in a book of the region that decides it. `about` is what it is about (bond, authorisation, settlement, journal, or the
-- person). `detail` holds what the effect needs, sealed. `basis` is the digest of what was decided on: detail and papers.
create table desk_case (
    book           integer     not null,
    id             uuid        not null,
    matter         text        not null,
    region         text        not null check (region ~ '^[0-9]{6}$'),
    state          text        not null check (state in ('open', 'taken', 'asked_for_papers', 'decided', 'checked', 'effected',
                                                         'withdrawn', 'lapsed')),
    person         uuid        not null,
    applicant      uuid        not null,
    about          uuid        not null,
    detail         bytea       not null,
    signals        text[]      not null default '{}',
    opened_at      timestamptz not null,
    opened_by      text        not null,
    due_on         date        not null,
    papers_due_on  date,
    taken_by       text,
    verdict        text        check (verdict in ('approved', 'refused')),
    reason         text,
    words          text,
    basis          bytea,
    decided_by     text,
    decided_at     timestamptz,
    checked_by     text,
    checked_at     timestamptz,
    ended_at       timestamptz,
    version        integer     not null default 1,
    primary key (book, id),
    constraint maker_is_not_checker check (checked_by is null or (decided_by is not null and checked_by <> decided_by)),
    check ((verdict is not null) = (state in ('decided', 'checked', 'effected'))),
    check ((verdict is null) = (decided_by is null) and (verdict is null) = (basis is null) and (verdict is null) = (reason is null)),
    check ((checked_by is not null) = (state in ('checked', 'effected'))),
    check ((ended_at is not null) = (state in ('effected', 'withdrawn', 'lapsed'))),
    check (taken_by is not null or state not in ('taken', 'asked_for_papers', 'decided', 'checked', 'effected')),
    check ((papers_due_on is not null) or state <> 'asked_for_papers')
);
create unique index desk_case_once on desk_case (book, matter, person, about) where ended_at is null;
create index desk_case_waiting on desk_case (book, state, due_on) where ended_at is null;

create index desk_case_decided on desk_case (book, decided_at) where decided_at is not null;

-- What somebody applied for, in the applicant's own book; the case is in a book of the region that decides.
create table desk_case_of (
    book      integer not null,
    applicant uuid    not null,
    file      uuid    not null,
    primary key (book, applicant, file)
);

-- What happened to a case, never changed. `no` is the version the case had afterwards.
create table desk_event (
    book   integer     not null,
    file   uuid        not null,
    no     integer     not null,
    at     timestamptz not null,
    actor  text        not null,
    act    text        not null,
    words  text        not null default '',
    primary key (book, file, no),
    foreign key (book, file) references desk_case (book, id)
);

-- A picture that proves something. The file lies in the store under a random name, sealed with a key of its own; without the key
-- (deleted 90 days after the decision) nobody can read it. `about` is the application or case it belongs to, `file` the case that came
-- of an application.
create table paper (
    book        integer     not null,
    id          uuid        not null,
    about       uuid        not null,
    file        uuid,
    place       smallint    not null check (place between 1 and 6),
    kind        text        not null,
    person      uuid        not null,
    given_by    uuid        not null,
    name        text        not null,
    key         bytea,
    picture     bytea       not null,
    bytes       integer     not null check (bytes > 0),
    given_at    timestamptz not null,
    deleted_at  timestamptz,
    primary key (book, id),
    check ((key is null) = (deleted_at is not null))
);
create unique index paper_place on paper (book, about, place);

-- Directory: where a picture was seen, by blind index of its cleaned content.
create table paper_seen (
    picture bytea not null,
    paper   uuid  not null,
    about   uuid  not null,
    person  uuid  not null,
    primary key (picture, paper)
);

-- Directory: links to look at a picture once; bound to who asked, in which session. Only the link's hash is stored.
create table paper_link (
    hash       bytea       not null primary key,
    paper      uuid        not null,
    reader     text        not null,
    session    bytea       not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);

-- Signals of misuse.

-- What the rules of mulaid.agency.watch look at: one row a settlement and whom it concerns, in that subject's own book, taken out as soon
-- as every rule has looked. role: patient (subject a person), relative (who showed the code or whose account paid; a person or a
-- household), pharmacy (subject its code). hand: the subject was there, with phone or card; family: another's code or account, pools apart;
-- paid: from the subject's account; supply: days of medicine by item in hundredths, where the lines said so.
create table sighting (
    book        integer     not null,
    role        text        not null check (role in ('patient', 'relative', 'pharmacy')),
    settlement  uuid        not null,
    subject     text        not null,
    at          timestamptz not null,
    institution text        not null,
    region      text        not null,
    pharmacy    boolean     not null,
    person      uuid        not null,
    hand        boolean     not null,
    family      boolean     not null,
    paid        bigint      not null,
    total       bigint      not null,
    supply      json,
    primary key (book, role, settlement, subject)
);

-- How far a book has been watched: what 'noted' made sightings of, and each rule judged, as ids, which sort by time. Whoever works
-- holds the row; it moves with the work in one transaction.
create table watched (
    book  integer not null,
    what  text    not null,
    after uuid    not null,
    primary key (book, what)
);

-- Something that a clerk should look at; no accusation, and nothing follows from it by itself. In the subject's book; `version` of a
-- rule is its first day. `looks` counts how often a clerk has said what it is, `note` is sealed.
create table signal (
    book        integer     not null,
    id          uuid        not null,
    region      text        not null check (region ~ '^[0-9]{6}$'),
    rule_name   text        not null,
    version     date        not null,
    role        text        not null,
    subject     text        not null,
    first       uuid        not null,
    settlements uuid[]      not null check (cardinality(settlements) > 0),
    begun_at    timestamptz not null,
    ended_at    timestamptz not null,
    facts       json        not null,
    made_at     timestamptz not null,
    looks       integer     not null default 0,
    verdict     text        check (verdict in ('harmless', 'follow_up')),
    note        bytea,
    looked_by   text,
    looked_at   timestamptz,
    primary key (book, id),
    check ((looks = 0) = (verdict is null) and (verdict is null) = (note is null)
           and (verdict is null) = (looked_by is null) and (verdict is null) = (looked_at is null))
);
create unique index signal_once on signal (book, rule_name, subject, first);
