-- mark --
-- The city's mark; whoever comes second waits here for the first and then finds it taken.
insert into deployment (name, value) values ('demo_city', %(version)s) on conflict do nothing

-- marked --
-- Which city is loaded, and whether anybody is here at all.
select (select value from deployment where name = 'demo_city') as version, exists (select 1 from person) as people

-- add_institution --
-- A designated institution.
insert into institution (code, name, kind, region, level, book)
values (%(code)s, %(name)s, %(kind)s, %(region)s, %(level)s, %(book)s)

-- add_client --
-- A connection of an institution.
insert into client (id, institution, transport, profile, secret)
values (%(id)s, %(institution)s, %(transport)s, %(profile)s, %(secret)s)

-- add_item --
-- A catalogue entry, open-ended.
insert into catalogue_item (code, valid_from, name, grade, upfront, limit_fen, charge, tag)
values (%(code)s, %(since)s, %(name)s, %(grade)s, %(upfront)s, %(limit)s, %(charge)s, %(tag)s)

-- left_standing --
-- Settlements of a person that were made under message numbers with a given beginning and have not been returned.
select id, visit, institution, infno, total from settlement
where book = %(book)s and person = %(person)s and refunds is null and refunded_by is null and starts_with(msgid, %(mark)s) order by id
