-- keep --
-- A report; nothing when one about the same subject lives.
insert into exchange_record (book, id, kind, institution, person, about, subject, begins_on, ends_on, fen, quantity, body, sealed, at)
values (%(book)s, %(id)s, %(kind)s, %(institution)s, %(person)s, %(about)s, %(subject)s, %(begins_on)s, %(ends_on)s, %(fen)s,
        %(quantity)s, %(body)s, %(sealed)s, %(at)s) on conflict do nothing

-- record --
-- One report, living or cancelled.
select * from exchange_record where book = %(book)s and id = %(id)s

-- living --
-- The report about a subject that lives.
select * from exchange_record
where book = %(book)s and kind = %(kind)s and institution = %(institution)s and subject = %(subject)s and cancelled_at is null

-- of_person --
-- A person's living reports of a kind that touch a stretch of days.
select * from exchange_record
where book = %(book)s and person = %(person)s and kind = %(kind)s and cancelled_at is null
  and (begins_on is null or %(last)s::date is null or begins_on <= %(last)s)
  and (ends_on is null or %(first)s::date is null or ends_on >= %(first)s)
order by id

-- about --
-- The living reports of a kind about one visit or settlement.
select * from exchange_record where book = %(book)s and about = %(about)s and kind = %(kind)s and cancelled_at is null order by id

-- of_institution --
-- An institution's living reports of a kind, a page of them, with how many there are.
select *, count(*) over () as found from exchange_record
where book = %(book)s and kind = %(kind)s and institution = %(institution)s and cancelled_at is null
  and (%(since)s::timestamptz is null or at >= %(since)s) and (%(subject)s = '' or subject like %(subject)s)
order by subject limit %(most)s offset %(skip)s

-- cancel --
-- The report is withdrawn; it stays on record.
update exchange_record set cancelled_at = %(at)s, version = version + 1
where book = %(book)s and id = %(id)s and cancelled_at is null

-- rewrite --
-- The report says something else now.
update exchange_record set body = %(body)s, sealed = %(sealed)s, version = version + 1
where book = %(book)s and id = %(id)s and cancelled_at is null

-- sums --
-- What an institution's living reports about one thing come to.
select coalesce(sum(quantity), 0)::bigint as quantity, coalesce(sum(fen), 0)::bigint as fen from exchange_record
where book = %(book)s and kind = any(%(kinds)s) and institution = %(institution)s and subject like %(subject)s and cancelled_at is null

-- add_file --
-- A file that came or was made.
insert into exchange_file (book, id, institution, name, content, made_at, expires_at)
values (%(book)s, %(id)s, %(institution)s, %(name)s, %(content)s, %(at)s, %(until)s)

-- file --
-- A file of this institution.
select name, content, expires_at from exchange_file where book = %(book)s and id = %(id)s and institution = %(institution)s

-- settled_between --
-- An institution's settlements and refunds of some days, in every book.
select s.book, s.id, s.visit, s.person, s.infno, s.msgid, s.business_date, s.settled_at, s.total, s.pool, s.supplement, s.serious,
       s.aid, s.household, s.wallet, s.cash,
       s.refunds, s.refunded_by, s.facts #>> '{patient,base}' as base, v.use
from settlement s join visit v on v.book = s.book and v.id = s.visit
where s.institution = %(institution)s and s.business_date between %(first)s and %(last)s order by s.book, s.id

-- settled --
-- One settlement or refund, wherever it was made.
select s.book, s.id, s.visit, s.person, s.infno, s.msgid, s.business_date, s.settled_at, s.total, s.pool, s.supplement, s.serious,
       s.aid, s.household, s.wallet, s.cash,
       s.refunds, s.refunded_by, s.facts #>> '{patient,base}' as base, v.use, s.institution
from settlement s join visit v on v.book = s.book and v.id = s.visit
where s.book = %(book)s and s.id = %(id)s

-- catalogue_since --
-- Catalogue entries of some charge categories that changed on or after a day.
select code, valid_from, valid_to, name, grade, upfront, limit_fen, charge, tag from catalogue_item
where charge = any(%(charges)s) and (%(since)s::date is null or valid_from >= %(since)s or valid_to >= %(since)s) order by code, valid_from

-- catalogue_page --
-- A page of the catalogue by the code it begins with and the word it contains, with how many there are.
select code, valid_from, valid_to, name, grade, upfront, limit_fen, charge, tag, count(*) over () as found from catalogue_item
where (%(since)s::date is null or valid_from >= %(since)s or valid_to >= %(since)s) and (%(code)s = '' or code = %(code)s)
  and (%(word)s = '' or position(%(word)s in name) > 0) and (not %(limited)s or limit_fen is not null)
  and (not %(shared)s or grade in ('02', '03'))
order by code, valid_from limit %(most)s offset %(skip)s

-- listing_since --
-- Entries of a list that changed on or after a day.
select code, valid_from, valid_to, name, updated_on from catalogue_listing
where list = %(list)s and (%(since)s::date is null or updated_on >= %(since)s) order by code, valid_from

-- known_item --
-- Whether the catalogue has an entry in force.
select 1 as known from catalogue_item where code = %(code)s and valid_from <= %(on)s and (valid_to is null or valid_to >= %(on)s) limit 1

-- institutions --
-- Designated institutions by kind, word of the name, or code.
select code, name, kind, region, level from institution
where enabled and (%(kind)s::smallint is null or kind = %(kind)s) and (%(code)s = '' or code = %(code)s)
  and (%(word)s = '' or position(%(word)s in name) > 0) order by code limit 200

-- visits_of --
-- A person's visits of some days, newest first, with what was reported of them.
select * from visit
where book = %(book)s and person = %(person)s and cancelled_at is null and begun_on between %(first)s and %(last)s
  and (%(use)s = '' or use = %(use)s) order by id desc limit 500

-- year --
-- What counts against a person's limits of a year.
select in_policy + inpatient_in_policy as in_policy, fund + inpatient_fund as fund, supplement, deductible, serious, self_paid
from insured_year where book = %(book)s and person = %(person)s and year = %(year)s

-- visits_of_year --
-- How often a person was settled for in a medical year, and for how much, refunds taken off.
select count(*) filter (where refunds is null) - count(*) filter (where refunds is not null) as count, coalesce(sum(total), 0)::bigint as total
from settlement where book = %(book)s and person = %(person)s and year = %(year)s

-- correct_stay --
-- What a stay is for, as the hospital says now.
update visit set med_type = %(med_type)s, disease = %(disease)s, version = version + 1 where book = %(book)s and id = %(id)s

-- open_stays --
-- Stays of a person that have no end.
select * from visit where book = %(book)s and person = %(person)s and use = 'inpatient' and ended_on is null and cancelled_at is null
order by id

-- enrolments --
-- A person's stretches of enrolment that touch some days.
select valid_from, valid_to, scheme, region, status from enrolment
where book = %(book)s and person = %(person)s and valid_from <= %(last)s and (valid_to is null or valid_to >= %(first)s)
order by valid_from

-- add_order --
-- An order of the mobile centre; nothing when the institution has used its number.
insert into mobile_order (book, id, institution, person, number, visit, batch, pay_token, total, accounts, made_at, expires_at)
values (%(book)s, %(id)s, %(institution)s, %(person)s, %(number)s, %(visit)s, %(batch)s, %(pay_token)s, %(total)s, %(accounts)s, %(at)s,
        %(until)s) on conflict do nothing

-- order --
-- An order with the settlement that was made of it, standing or refunded.
select o.*, s.id as settlement, s.refunded_by, s.pool, s.supplement, s.serious, s.cash, s.total as settled
from mobile_order o
left join settlement s on s.book = o.book and s.visit = o.visit and s.batch = o.batch and s.refunds is null
where o.book = %(book)s and (o.id = %(id)s or (o.institution = %(institution)s and o.number = %(number)s))
order by s.id desc nulls last limit 1

-- revoke_order --
-- The order will not be paid.
update mobile_order set revoked_at = %(at)s where book = %(book)s and id = %(id)s and revoked_at is null

-- file_owner --
-- Whose file it is.
select institution from exchange_file where book = %(book)s and id = %(id)s

-- books_with_files --
-- Books that hold files whose time is over.
select distinct book from exchange_file where expires_at <= %(at)s

-- drop_files --
-- Files whose time is over, of one book.
delete from exchange_file where book = %(book)s and expires_at <= %(at)s

