-- account --
-- The account that pays, held until the premium is recorded.
select balance, floor, frozen, last_no from purse where book = %(book)s and holder = %(holder)s and kind = %(kind)s for update

-- suspended_since --
-- The first suspension of a giver since an authorisation began.
select min(valid_from) as first from enrolment
where book = %(book)s and person = %(person)s and status = 'suspended' and valid_from >= %(since)s and valid_from <= %(on)s

-- face --
-- What a premium shows of a person.
select shown, born, died_on from person where book = %(book)s and id = %(id)s

-- hold_aid --
-- An authorisation that a premium rests on, held while it is active.
select 1 as held from aid where book = %(book)s and id = %(id)s and status = 'active' for update

-- count_aid --
-- An authorisation pays: its quota and its caps of the month, the year and the day count it, gross.
update aid a set used = a.used + %(fen)s,
    month = date_trunc('month', %(day)s::date)::date,
    month_used = case when a.month = date_trunc('month', %(day)s::date)::date then a.month_used else 0 end + %(fen)s,
    year = extract(year from %(day)s::date),
    year_used = case when a.year = extract(year from %(day)s::date) then a.year_used else 0 end + %(fen)s,
    day = %(day)s,
    day_used = case when a.day = %(day)s then a.day_used else 0 end + %(fen)s
where a.book = %(book)s and a.id = %(id)s and a.version = %(version)s and a.used + %(fen)s <= coalesce(a.quota, a.used + %(fen)s)
  and (a.month_cap is null
       or case when a.month = date_trunc('month', %(day)s::date)::date then a.month_used else 0 end + %(fen)s <= a.month_cap)
  and (a.year_cap is null or case when a.year = extract(year from %(day)s::date) then a.year_used else 0 end + %(fen)s <= a.year_cap)

-- add_premium --
-- A premium; nothing when it is paid already.
insert into premium (book, id, person, payer_book, payer, aid, scheme, region, year, fen, account, cash, repaired, paid_on, cover_from,
                     waiting, facts, steps, packs, journals, journal_books, paid_at)
values (%(book)s, %(id)s, %(person)s, %(payer_book)s, %(payer)s, %(aid)s, %(scheme)s, %(region)s, %(year)s, %(fen)s, %(account)s, %(cash)s,
        %(repaired)s, %(paid_on)s, %(cover_from)s, %(waiting)s, %(facts)s, %(steps)s, %(packs)s, %(journals)s, %(journal_books)s, %(at)s)

-- add_premium_given --
-- The same from the payer's side.
insert into premium_given (book, payer, person_book, premium) values (%(book)s, %(payer)s, %(person_book)s, %(premium)s)

-- paid --
-- The premium of a person, scheme and year that stands.
select id from premium where book = %(book)s and person = %(person)s and scheme = %(scheme)s and year = %(year)s and refunded_at is null

-- premium --
-- One premium.
select * from premium where book = %(book)s and id = %(id)s for update

-- premiums_of --
-- Every premium paid for a person, newest first.
select * from premium where book = %(book)s and person = %(person)s order by year desc, paid_at desc

-- premiums_given --
-- Which premiums an account has paid, and where each lives.
select person_book, premium from premium_given where book = %(book)s and payer = %(payer)s order by premium

-- refunded --
-- Given back, once.
update premium set refunded_at = %(at)s, refunds = %(refunds)s where book = %(book)s and id = %(id)s and refunded_at is null

-- reopen_enrolment --
-- What a stretch that never began had closed goes on.
update enrolment set valid_to = null
where book = %(book)s and person = %(person)s and valid_to = %(last)s and status in ('suspended', 'ended', 'moved')

-- decisions --
-- Stored decisions of a book, page by page.
select id, facts, packs, fen, account, cash from premium where book = %(book)s and id > %(after)s order by id limit 500
