-- is_ours --
-- Whether a sandbox has marked this database.
select exists (select 1 from mulaid.deployment where name = 'sandbox')

-- anybody --
-- Whether anybody lives here.
select exists (select 1 from mulaid.person)

-- mark --
-- From now on this database is a sandbox's, and may be emptied.
insert into mulaid.deployment (name, value) values ('sandbox', 'yes') on conflict do nothing

-- tables --
-- What a reset empties; the keys' fingerprint and our mark stay.
select tablename from pg_tables where schemaname = 'mulaid' and tablename <> 'deployment'

-- aid_between --
-- The living authorisation of a pair.
select id from aid where book = %(book)s and receiver = %(receiver)s and giver = %(giver)s and status in ('pending', 'active', 'locked')

-- relations --
-- All authorisations of the small world.
select id, giver, receiver, status, used from aid order by id

-- enrolled --
-- The enrolment of a day, if there is one.
select region, status from enrolment
where book = %(book)s and person = %(person)s and valid_from <= %(on)s and (valid_to is null or valid_to >= %(on)s)
