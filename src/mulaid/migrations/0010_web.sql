-- The people's door: who is signed in where, and since when.
set local search_path = mulaid, public;

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
