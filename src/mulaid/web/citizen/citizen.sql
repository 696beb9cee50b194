-- relatives --
-- Whose codes a person may show: living family accounts, oldest first.
select b.book, b.id as bond, b.member as id, b.relation, b.bound_at, p.shown, p.gender, p.born, e.region, e.base, e.status
from family_bond b join person p on p.book = b.book and p.id = b.member
left join lateral (
    select region, base, status from enrolment e where e.book = b.book and e.person = b.member
       and e.valid_from <= %(on)s and (e.valid_to is null or e.valid_to >= %(on)s) order by valid_from desc limit 1) e on true
where b.binder = %(person)s and b.ended_at is null order by b.bound_at, b.id

-- watchers --
-- Who may show a person's code.
select b.id as bond, b.binder, b.relation, b.bound_at from family_bond b
where b.book = %(book)s and b.member = %(person)s and b.ended_at is null order by b.bound_at, b.id

-- oneself --
-- A person as enrolled on a day.
select p.book, p.id, p.shown, p.gender, p.born, e.region, e.base, e.status
from person p left join lateral (
    select region, base, status from enrolment e where e.book = p.book and e.person = p.id
       and e.valid_from <= %(on)s and (e.valid_to is null or e.valid_to >= %(on)s) order by valid_from desc limit 1) e on true
where p.book = %(book)s and p.id = %(person)s

-- bills --
-- The settlements and refunds of one person, newest first.
select s.book, s.id, s.person, s.settled_at, s.total, s.aid, s.cash, s.refunds, s.refunded_by, i.name as place
from settlement s join institution i on i.code = s.institution
where s.book = %(book)s and s.person = %(person)s order by s.id desc limit %(most)s

-- news --
-- What a person was told, newest first.
select id, text, about, at from message where book = %(book)s and person = %(person)s order by id desc limit %(most)s

-- looks --
-- Who did what with a person's code and data, newest first.
select at, act, behalf_of, purpose, place, actor from audit
where book = %(book)s and subject = %(person)s and act in ('show_code', 'decode_code', 'read_costs', 'bind_family', 'unbind_family')
order by id desc limit %(most)s

-- places --
-- Institutions of a region, hospitals first.
select code, name, kind, region, level, book, enabled from institution where region = %(region)s and enabled order by kind, code

-- shown --
-- A person's masked name.
select shown from person where book = %(book)s and id = %(id)s

-- draws --
-- The newest payments and returns under one authorisation.
select s.id, s.settled_at, i.name as place, (step ->> 1)::bigint * sign(s.total)::int as fen
from settlement s join institution i on i.code = s.institution cross join lateral json_array_elements(s.steps) step
where s.book = %(book)s and s.person = %(person)s and s.aid <> 0 and step ->> 0 = 'aid' and step -> 4 ->> 'aid' = %(aid)s
order by s.id desc limit %(most)s
