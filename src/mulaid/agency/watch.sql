-- books_to_note --
-- Books with settlements that nobody has noted yet, found by jumping from book to book.
with recursive settled(book) as (
    (select book from settlement order by book limit 1)
    union all
    select (select s.book from settlement s where s.book > settled.book order by s.book limit 1) from settled where settled.book is not null)
select b.book from settled b
where exists (select 1 from settlement s where s.book = b.book and s.id < %(until)s
              and s.id > coalesce((select w.after from watched w where w.book = b.book and w.what = 'noted'), %(since)s))
order by b.book

-- books_to_judge --
-- Books with something that waits for the rules.
with recursive seen(book) as (
    (select book from sighting order by book limit 1)
    union all
    select (select s.book from sighting s where s.book > seen.book order by s.book limit 1) from seen where seen.book is not null)
select book from seen where book is not null

-- open_watch --
-- The watch over a book begins; nothing when it has.
insert into watched (book, what, after) select %(book)s, what, %(after)s from unnest(%(names)s::text[]) as what on conflict do nothing

-- hold_watch --
-- How far it has come. Whoever holds the rows works; others wait.
select what, after from watched where book = %(book)s and what = any(%(names)s) order by what for update

-- move_watch --
-- So much further.
update watched w set after = m.after from unnest(%(names)s::text[], %(afters)s::uuid[]) as m(what, after)
where w.book = %(book)s and w.what = m.what and w.after < m.after

-- unnoted --
-- The next settlements of a book outside of hospital stays, oldest first: where, who showed the code, whose accounts paid, and days of
-- medicine as the lines say them. A pool pays in the name of its household.
select s.id, s.person, s.presenter, s.institution, s.settled_at as at, s.total, s.infno, i.region, i.book as shop, i.kind = 2 as pharmacy,
       case when s.aid + s.wallet + s.household > 0 then (select json_agg(json_build_array(g.payer, g.fen, g.pool)) from (
           select a.giver as payer, (step ->> 1)::bigint as fen, false as pool from json_array_elements(s.steps) as step
             join aid a on a.book = s.book and a.id = (step -> 4 ->> 'aid')::uuid where step ->> 0 = 'aid' and (step ->> 1)::bigint > 0
           union all
           select w.giver, d.fen, false from wallet_draw d join wallet_grant w on w.book = d.book and w.id = d.wallet
             where s.wallet > 0 and d.book = s.book and d.settlement = s.id
           union all
           select m.household, s.household, true from household_member m
             where s.household > 0 and m.book = s.book and m.person = s.person and m.joined_on <= s.business_date
               and (m.left_on is null or m.left_on >= s.business_date)) g) end as payers,
       (select json_agg(json_build_array(f.item, f.detail ->> 'prd_days')) from fee_line f
          where f.book = s.book and f.visit = s.visit and f.batch = s.batch and f.detail ->> 'prd_days' is not null) as supply
from settlement s
join visit v on v.book = s.book and v.id = s.visit and v.use <> 'inpatient'
join institution i on i.code = s.institution
where s.book = %(book)s and s.id > %(after)s and s.id < %(until)s and s.refunds is null and s.refunded_by is null
order by s.id limit %(most)s

-- add_sightings --
-- What they show of everybody they concern, each in the subject's book.
insert into sighting (book, role, settlement, subject, at, institution, region, pharmacy, person, hand, family, paid, total, supply)
select * from unnest(%(books)s::integer[], %(roles)s::text[], %(settlements)s::uuid[], %(subjects)s::text[], %(ats)s::timestamptz[],
    %(institutions)s::text[], %(regions)s::text[], %(pharmacies)s::boolean[], %(people)s::uuid[], %(hands)s::boolean[],
    %(families)s::boolean[], %(paids)s::bigint[], %(totals)s::bigint[], %(supplies)s::json[])
on conflict do nothing

-- sightings --
-- What a rule looks at, in the order of time.
select role, settlement, subject, at, institution, region, pharmacy, person, hand, family, paid, total, supply from sighting
where book = %(book)s and role = any(%(roles)s) and settlement > %(after)s and settlement < %(until)s order by settlement

-- first_sighting --
-- Where the next stretch begins.
select min(first::text)::uuid as id from unnest(%(roles)s::text[]) as r(role), lateral (
    select s.settlement as first from sighting s where s.book = %(book)s and s.role = r.role and s.settlement > %(after)s
    order by s.settlement limit 1) one

-- drop_sightings --
-- What every rule has looked at is taken out.
delete from sighting where book = %(book)s and settlement <= %(until)s

-- taken_back --
-- Those of some settlements that were refunded since.
select id from settlement where book = %(book)s and id = any(%(ids)s) and refunded_by is not null

-- evidence_of --
-- What has been told of a subject by a rule already.
select settlements from signal where book = %(book)s and rule_name = %(rule)s and subject = %(subject)s and ended_at >= %(since)s

-- region_of_person --
-- Where somebody was insured last.
select region from enrolment where book = %(book)s and person = %(person)s order by valid_from desc limit 1

-- add_signal --
-- A signal; nothing when it is there.
insert into signal (book, id, region, rule_name, version, role, subject, first, settlements, begun_at, ended_at, facts, made_at)
values (%(book)s, %(id)s, %(region)s, %(rule)s, %(version)s, %(role)s, %(subject)s, %(first)s, %(settlements)s, %(begun_at)s,
        %(ended_at)s, %(facts)s, %(at)s) on conflict do nothing

-- signals --
-- Signals of a region, the newest first.
select * from signal
where region like %(prefix)s || '%%' and (%(rule)s::text = '' or rule_name = %(rule)s)
  and (%(state)s::text = '' or coalesce(verdict, 'new') = %(state)s)
order by id desc limit %(most)s

-- signal_numbers --
-- How many signals of a region each rule made, by what came of looking.
select rule_name as rule, coalesce(verdict, 'new') as state, count(*)::int as many from signal where region like %(prefix)s || '%%' group by 1, 2

-- signal --
-- One signal.
select * from signal where book = %(book)s and id = %(id)s

-- look_at --
-- What a clerk says it is; nothing when somebody said so since.
update signal set looks = looks + 1, verdict = %(verdict)s, note = %(note)s, looked_by = %(by)s, looked_at = %(at)s
where book = %(book)s and id = %(id)s and looks = %(looks)s

-- seen_settlements --
-- Evidence of one book as clerks read it.
select s.id, s.person, s.presenter, s.settled_at as at, s.total, s.household + s.aid + s.wallet as family, s.refunded_by is not null as refunded,
       i.name as place, i.region
from settlement s join institution i on i.code = s.institution
where s.book = %(book)s and s.id = any(%(ids)s)

-- shown --
-- The masked name of a person, or of a household's head.
select p.shown, false as household from person p where p.book = %(book)s and p.id = %(id)s
union all
select p.shown, true from household h join person p on p.book = h.book and p.id = h.head where h.book = %(book)s and h.id = %(id)s
