-- open_walk --
-- A walk over a book begins; nothing when it has.
insert into walk (book, kind, since, after) values (%(book)s, %(kind)s, %(since)s, '00000000-0000-0000-0000-000000000000')
on conflict do nothing

-- walk --
-- How far it has come. Whoever holds the row walks; others wait.
select after, people, fen, left_out, done_at from walk where book = %(book)s and kind = %(kind)s and since = %(since)s for update

-- step --
-- One batch further, or at the end.
update walk set after = %(after)s, people = people + %(people)s, fen = fen + %(fen)s, left_out = %(left_out)s, done_at = %(done_at)s
where book = %(book)s and kind = %(kind)s and since = %(since)s

-- again --
-- Over everybody once more: who has been credited is passed over by the key of credited.
update walk set after = '00000000-0000-0000-0000-000000000000', left_out = '{}', done_at = null
where book = %(book)s and kind = %(kind)s and since = %(since)s and done_at is not null

-- books --
-- Every book somebody is enrolled in.
select distinct book from enrolment order by book

-- insured --
-- The next people of a book who are in the employee scheme on the first of the month and have not been credited for it.
select p.id, p.born, e.region, e.base, e.flexible, e.wage_base, e.retired_on
from person p
join enrolment e on e.book = p.book and e.person = p.id and e.valid_from <= %(month)s and (e.valid_to is null or e.valid_to >= %(month)s)
                and e.scheme = '310' and e.status = 'normal'
where p.book = %(book)s and p.id > %(after)s and (p.died_on is null or p.died_on >= %(month)s)
  and not exists (select 1 from credited c where c.book = p.book and c.person = p.id and c.month = %(month)s)
order by p.id limit %(most)s

-- current_money --
-- The next current-year purses of a book that hold something, with where their owner was last enrolled.
select p.holder as id, p.balance,
       (select e.region from enrolment e where e.book = p.book and e.person = p.holder and e.valid_from <= %(since)s
         order by e.valid_from desc limit 1) as region
from purse p where p.book = %(book)s and p.kind = 2 and p.holder > %(after)s and p.balance > 0
order by p.holder limit %(most)s for update

-- open_purses --
-- Purses for everybody of a batch; those that are there stay.
insert into purse (book, holder, kind)
select %(book)s, g.holder, g.kind from unnest(%(holders)s::uuid[], %(kinds)s::smallint[]) as g(holder, kind)
order by g.holder, g.kind on conflict do nothing

-- hold_purses --
-- In the order in which everybody takes purses.
select 1 as held from purse p where p.book = %(book)s and p.holder = any(%(holders)s::uuid[]) and p.kind = any(%(kinds)s::smallint[])
order by p.holder, p.kind for update

-- move_purses --
-- Every purse of a batch and what happened to it.
with given as (
    select g.holder, g.kind, g.fen from unnest(%(holders)s::uuid[], %(kinds)s::smallint[], %(fens)s::bigint[]) as g(holder, kind, fen)
), moved as (
    update purse p set balance = p.balance + g.fen, last_no = p.last_no + 1 from given g
    where p.book = %(book)s and p.holder = g.holder and p.kind = g.kind
    returning p.holder, p.kind, p.last_no, g.fen, p.balance
)
insert into entry (book, holder, kind, no, journal, fen, balance, business_date, recorded_at)
select %(book)s, m.holder, m.kind, m.last_no, %(journal)s, m.fen, m.balance, %(business_date)s, %(at)s from moved m

-- add_credited --
-- One credit a person and month; a second one breaks the key and takes the whole batch back.
insert into credited (book, person, month, kind, fen, region, parameter, journal)
select %(book)s, g.person, %(month)s, g.kind, g.fen, g.region, g.parameter, %(journal)s
from unnest(%(people)s::uuid[], %(kinds)s::smallint[], %(fens)s::bigint[], %(regions)s::text[], %(parameters)s::text[])
    as g(person, kind, fen, region, parameter)

-- credits --
-- What the months brought to a person.
select month, kind, fen, region, parameter, journal from credited
where book = %(book)s and person = %(person)s and month between %(first)s and %(last)s order by month
