-- The books, and what every command leaves behind.
--
-- Rules of a later cluster are kept from here on (docs/adr/0003): `book` leads every key; uniqueness and foreign keys stay inside
-- a book; small reference tables and directories keyed by a hash are the only others; no trigger, rule, sequence or extension.
-- Times and ids come from the program. Append-only is a matter of privileges (grants.sql).

create schema if not exists mulaid;
set local search_path = mulaid, public;

-- Checks live in functions: an inline check is parsed anew by every statement that writes the table, a function is parsed once.
create function journal_holds(accounts text[], fens bigint[], kinds text[], corrects uuid, returns smallint[]) returns boolean
    language plpgsql immutable parallel safe
as $$
declare
    fen bigint;
    total bigint := 0;
begin
    foreach fen in array fens loop
        total := total + fen;
    end loop;
    return total = 0 and cardinality(fens) >= 2 and cardinality(fens) = cardinality(accounts) and cardinality(fens) = cardinality(kinds)
       and (corrects is null) = (returns is null) and (returns is null or cardinality(returns) = cardinality(fens));
end $$;

create function purse_holds(kind smallint, balance bigint, floor bigint, frozen bigint, last_no bigint) returns boolean
    language plpgsql immutable parallel safe
as $$
begin
    return kind between 1 and 4 and last_no >= 0 and floor >= -1000000000000 and frozen >= 0
       and balance between floor + frozen and 1000000000000;
end $$;

-- Counted accounts: one row each, the balance guarded by every update. Everything else is tallied from the journals.
-- kind: 1 own account (in areas with split accounts its prior-years part), 2 current-year part, 3 household pool, 4 wallet
-- frozen: what its owner has promised to wallet quotas and may not spend otherwise; free is balance - frozen.
create table purse (
    book    integer  not null,
    holder  uuid     not null,
    kind    smallint not null,
    balance bigint   not null default 0,
    floor   bigint   not null default 0,
    frozen  bigint   not null default 0,
    last_no bigint   not null default 0,
    primary key (book, holder, kind),
    check (purse_holds(kind, balance, floor, frozen, last_no))
) with (fillfactor = 80);  -- room beside a row for its next version: an update then touches no index

-- Ids sort by time, so a day's journals are a range of the key.
-- One immutable row a journal; leg i is accounts[i], fens[i], kinds[i]. `corrects` names the journal whose legs this one returns,
-- returns[i] the number of the returned leg.
create table journal (
    book          integer     not null,
    id            uuid        not null,
    cause         text        not null,
    accounts      text[]      not null,
    fens          bigint[]    not null,
    kinds         text[]      not null,
    settlement    uuid,
    corrects      uuid,
    returns       smallint[],
    business_date date        not null,
    recorded_at   timestamptz not null,
    primary key (book, id),
    check (journal_holds(accounts, fens, kinds, corrects, returns))
);

-- What happened to a purse: gap-free numbers, the balance after each, so history at any moment is one row.
create table entry (
    book          integer     not null,
    holder        uuid        not null,
    kind          smallint    not null,
    no            bigint      not null,
    journal       uuid        not null,
    fen           bigint      not null check (fen <> 0 and no > 0),
    balance       bigint      not null,
    business_date date        not null,
    recorded_at   timestamptz not null,
    primary key (book, holder, kind, no)
);

-- How much of each leg has been returned so far; never more than the leg (guarded by the update that counts it).
create table returned (
    book    integer  not null,
    journal uuid     not null,
    leg     smallint not null,
    fen     bigint   not null check (fen > 0),
    primary key (book, journal, leg)
);

-- One key, one stored answer, sealed because it names people. `book` is the caller's home book. A refusal is an answer too.
-- `nonce` is that of the signed message that was answered: the same message again is a replay, the same key again is a repeat.
create table command (
    book      integer     not null,
    door      text        not null,
    caller    text        not null,
    key       text        not null,
    body_hash bytea       not null,
    answer    bytea,
    refused   boolean,
    subject   uuid,
    nonce     text,
    at        timestamptz not null,
    primary key (book, door, caller, key)
) with (toast_tuple_target = 8160);  -- answers stay in line, uncompressed

create table audit (
    book       integer     not null,
    id         uuid        not null,
    at         timestamptz not null,
    actor      text        not null,
    act        text        not null,
    subject    uuid,
    behalf_of  uuid,
    purpose    text        not null default '',
    place      text        not null default '',
    detail     json,
    primary key (book, id)
);

-- Blocks of what was written: `chain` is journal, settlement or audit; root, previous and signature as mulaid.ledger.seal says.
create table seal (
    book      integer     not null,
    chain     text        not null,
    no        bigint      not null check (no > 0),
    count     integer     not null check (count > 0),
    root      bytea       not null,
    previous  bytea       not null,
    signature bytea       not null,
    sealed_at timestamptz not null,
    primary key (book, chain, no)
);

-- Which block holds a row, and the row's hash when it was sealed.
create table sealed (
    book  integer not null,
    chain text    not null,
    id    uuid    not null,
    block bigint  not null,
    place integer not null,
    leaf  bytea   not null,
    primary key (book, chain, id)
);
create unique index sealed_in_block on sealed (book, chain, block, place);

-- Messages that may leave only if the money moved; the worker sends them and takes them out.
create table outbox (
    book  integer     not null,
    id    uuid        not null,
    at    timestamptz not null,
    topic text        not null,
    body  json        not null,
    primary key (book, id)
);

-- Directory: nonces of signed requests, written without waiting for the disk.
create table nonce (
    client text   not null,
    bucket bigint not null,
    nonce  text   not null,
    primary key (client, bucket, nonce)
);

-- What belongs to this installation as a whole, such as the fingerprint of its keys.
create table deployment (
    name  text not null primary key,
    value text not null
);
