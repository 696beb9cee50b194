-- person --
-- A person as enrolled on a day.
select p.shown, p.gender, p.born, e.region, e.base, e.status
from person p left join lateral (
    select region, base, status from enrolment e where e.book = p.book and e.person = p.id
       and e.valid_from <= %(on)s and (e.valid_to is null or e.valid_to >= %(on)s) order by valid_from desc limit 1) e on true
where p.book = %(book)s and p.id = %(person)s

-- bills --
-- The settlements and refunds of one person, newest first.
select s.book, s.id, s.person, s.settled_at, s.total, s.aid, s.refunds, s.refunded_by, i.name as place,
       s.pool + s.supplement + s.serious as funds,
       s.current_year + s.account as own, s.household + s.aid + s.wallet as family, s.cash
from settlement s join institution i on i.code = s.institution
where s.book = %(book)s and s.person = %(person)s order by s.id desc limit %(most)s

-- news --
-- What a person was told, newest first.
select id, text, about, at from message where book = %(book)s and person = %(person)s order by id desc limit %(most)s

-- place --
-- An institution's name.
select name from institution where code = %(code)s

-- enrolments --
-- A person's enrolment over time.
select valid_from, valid_to, region, base, status from enrolment where book = %(book)s and person = %(person)s order by valid_from

-- draws --
-- The newest payments and returns under one authorisation.
select s.id, s.settled_at, i.name as place, (step ->> 1)::bigint * sign(s.total)::int as fen
from settlement s join institution i on i.code = s.institution cross join lateral json_array_elements(s.steps) step
where s.book = %(book)s and s.person = %(person)s and s.aid <> 0 and step ->> 0 = 'aid' and step -> 4 ->> 'aid' = %(aid)s
order by s.id desc limit %(most)s

-- disease --
-- What the list of chronic and special diseases that institutions download calls a code, as it was named last.
select name from catalogue_listing where list = '1309' and code = %(code)s order by valid_from desc limit 1
