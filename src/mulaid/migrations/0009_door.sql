-- The interface: files, catalogues, records of care, orders of the mobile centre, connections.
set local search_path = mulaid, public;

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

-- Reconciliation looks for an institution's settlements of some days, in every book.
create index settlement_of_institution on settlement (book, institution, business_date);
create index visit_of_person on visit (book, person, begun_on);

-- Connections: every transport of docs/gateway.md, who may act over one, and how much.
alter table client drop constraint client_transport_check;
alter table client add constraint client_transport_check check (
    transport in ('open', 'mulaid1', 'csb', 'tif', 'hmac-sm3', 'apikey', 'oauth', 'cainfo', 'sealed'));
alter table client add column operators text[];
-- Public keys of SM2 signatures, two of them while one replaces the other; `cipher` is the sealed secret of an encrypted transport.
alter table client add column public_key bytea check (octet_length(public_key) = 64);
alter table client add column next_public_key bytea check (octet_length(next_public_key) = 64);
alter table client add column cipher bytea;
alter table client add column per_minute integer check (per_minute > 0);
