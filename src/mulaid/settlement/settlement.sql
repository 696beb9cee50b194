-- settlement --
-- One settlement with what it rests on.
select * from settlement where book = %(book)s and id = %(id)s

-- lock_settlement --
-- The same, so that two refunds meet here.
select * from settlement where book = %(book)s and id = %(id)s for update

-- mark_refunded --
-- The settlement has its refund.
update settlement set refunded_by = %(refund)s where book = %(book)s and id = %(id)s and refunded_by is null and refunds is null

-- past_years --
-- The insured years since the first as a resident and before one: whether insured as a resident for some of it, and what all funds paid.
select g.year::integer as year,
       exists (select 1 from enrolment e
                where e.book = %(book)s and e.person = %(person)s and e.scheme = '390' and e.status in ('normal', 'lapsed_waiting')
                  and e.valid_from < make_date(g.year + 1, %(month)s, %(day)s)
                  and (e.valid_to is null or e.valid_to >= make_date(g.year, %(month)s, %(day)s))) as insured,
       coalesce(y.fund + y.supplement + y.inpatient_fund + y.disease_fund + y.serious, 0) as funds, coalesce(y.serious, 0) as serious
from generate_series((select min(extract(year from f.valid_from))::integer from enrolment f
                       where f.book = %(book)s and f.person = %(person)s and f.scheme = '390'), %(year)s - 1) as g(year)
left join insured_year y on y.book = %(book)s and y.person = %(person)s and y.year = g.year
order by g.year

-- add_refund --
-- A refund is a settlement of its own, all amounts negative.
insert into settlement (book, id, visit, person, institution, infno, msgid, batch, service_date, year, business_date, settled_at,
    total, pool, supplement, serious, current_year, account, household, aid, wallet, cash, deductible, counted, self_paid, added,
    facts, steps, packs, journals, journal_books, presenter, refunds)
select book, %(id)s, visit, person, institution, %(infno)s, %(msgid)s, batch, service_date, year, %(day)s, %(at)s,
    -total, -pool, -supplement, -serious, -current_year, -account, -household, -aid, -wallet, -cash, -deductible, -counted, -self_paid,
    added, facts, steps, packs,
    %(journals)s, %(journal_books)s, presenter, id
from settlement where book = %(book)s and id = %(original)s

-- lessen_year --
-- A refund gives the year its room back.
update insured_year y set
    in_policy = y.in_policy - s.added[1], fund = y.fund - s.added[2], supplement = y.supplement - s.added[3],
    deductible = y.deductible - s.added[4], admissions = y.admissions - s.added[5],
    inpatient_in_policy = y.inpatient_in_policy - s.added[6], inpatient_fund = y.inpatient_fund - s.added[7],
    disease_deductible = y.disease_deductible - s.added[8], disease_fund = y.disease_fund - s.added[9],
    self_paid = y.self_paid - s.added[10], serious = y.serious - s.added[11], version = y.version + 1
from settlement s where s.book = %(book)s and s.id = %(id)s
  and y.book = %(book)s and y.person = s.person and y.year = s.year

-- lessen_aid --
-- And the authorisation its quota, even if it has ended since; what the caps of that month, year and day counted only where the
-- region says so.
update aid set used = greatest(0, used - %(fen)s),
    month_used = case when %(caps)s and month = date_trunc('month', %(day)s::date)::date then greatest(0, month_used - %(fen)s) else month_used end,
    year_used = case when %(caps)s and year = extract(year from %(day)s::date) then greatest(0, year_used - %(fen)s) else year_used end,
    day_used = case when %(caps)s and day = %(day)s then greatest(0, day_used - %(fen)s) else day_used end
where book = %(book)s and id = %(id)s

-- lessen_wallet --
-- And a quota what it paid, as long as it runs; the giver's account then has as much more frozen.
update wallet_grant set used = used - %(fen)s where book = %(book)s and id = %(id)s and status = 'active' returning giver_book, giver

-- freeze_again --
-- The frozen part of a quota's giver.
update purse set frozen = frozen + %(fen)s where book = %(book)s and holder = %(holder)s and kind = 1

-- return_draw --
-- The monthly clearing takes a returned draw back; returns what the draw knew.
insert into wallet_draw (book, id, wallet, journal, settlement, fen, giver_region, receiver_region, business_date)
select book, %(id)s, wallet, %(journal)s, %(refund)s, -fen, giver_region, receiver_region, %(day)s
from wallet_draw where book = %(book)s and settlement = %(settlement)s and wallet = %(wallet)s

-- keep_pack --
-- The values a decision was made with, once a digest.
insert into pack (digest, region, name, body) values (%(digest)s, %(region)s, %(name)s, %(body)s) on conflict do nothing

-- pack --
-- A kept pack.
select body from pack where digest = %(digest)s

-- command_of --
-- What a caller's earlier request made.
select subject, refused from command where book = %(book)s and door = %(door)s and caller = %(caller)s and key = %(key)s

-- decisions --
-- Decisions of a book to replay, by key, a page at a time. Refunds rest on the decision they return.
select book, id, person, facts, packs, total, pool, supplement, serious, current_year, account, household, aid, wallet, cash,
    deductible, counted, self_paid, refunded_by from settlement
where book = %(book)s and refunds is null and id > %(after)s order by id limit 500

-- unlike_books --
-- Settlements and refunds of a book whose amounts are not those of their journal, or of which one is missing.
select coalesce(s.id, j.id) as id
from (select id, total, pool, supplement, serious, current_year, account, household, aid, wallet, cash from settlement
      where book = %(book)s) s
full join (
    select j.settlement as id, sum(leg.fen) filter (where leg.kind = 'bill') as total,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'pool'), 0) as pool,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'supplement'), 0) as supplement,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'serious'), 0) as serious,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'current_year'), 0) as current_year,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'own'), 0) as account,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'household'), 0) as household,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'aid'), 0) as aid,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'wallet'), 0) as wallet,
           coalesce(-sum(leg.fen) filter (where leg.kind = 'cash'), 0) as cash
    from journal j, unnest(j.fens, j.kinds) as leg(fen, kind)
    where j.book = %(book)s and j.settlement is not null and 'bill' = any(j.kinds) group by 1) j on j.id = s.id
where (s.total, s.pool, s.supplement, s.serious, s.current_year, s.account, s.household, s.aid, s.wallet, s.cash)
    is distinct from (j.total, j.pool, j.supplement, j.serious, j.current_year, j.account, j.household, j.aid, j.wallet, j.cash)

-- open_visit --
-- A registration.
insert into visit (book, id, person, institution, use, disease, number, begun_on, insutype, med_type, presenter, chosen, card, opened_at)
values (%(book)s, %(id)s, %(person)s, %(institution)s, %(use)s, %(disease)s, %(number)s, %(begun_on)s, %(insutype)s, %(med_type)s,
        %(presenter)s, %(chosen)s, %(card)s, %(at)s)

-- open_stay --
-- Whether a person lies in this hospital.
select id from visit where book = %(book)s and person = %(person)s and institution = %(institution)s and use = 'inpatient'
   and ended_on is null and cancelled_at is null limit 1

-- end_stay --
-- The stay ends, or its end is taken back.
update visit set ended_on = %(on)s, version = version + 1 where book = %(book)s and id = %(id)s

-- lock_visit --
-- The visit whose lines are about to change; settlements that gathered them before will notice.
select * from visit where book = %(book)s and id = %(id)s for update

-- visit --
-- A visit.
select * from visit where book = %(book)s and id = %(id)s

-- touch_visit --
-- Lines changed.
update visit set version = version + 1 where book = %(book)s and id = %(id)s

-- cancel_visit --
-- The registration is withdrawn.
update visit set cancelled_at = %(at)s, version = version + 1 where book = %(book)s and id = %(id)s and cancelled_at is null

-- set_visit_info --
-- Diagnoses and the kind of care, as the institution reports them; another disease is another bill.
update visit set info = %(info)s, med_type = %(med_type)s, disease = %(disease)s,
    version = version + case when disease = %(disease)s then 0 else 1 end
where book = %(book)s and id = %(id)s

-- live_settlement --
-- The settlement of a visit that stands, of one batch or of any.
select id, batch from settlement
where book = %(book)s and visit = %(visit)s and refunds is null and refunded_by is null
  and (%(batch)s::text is null or batch = %(batch)s) limit 1

-- remove_lines --
-- Lines that are not settled, of one batch or of all, one line or all.
delete from fee_line l where l.book = %(book)s and l.visit = %(visit)s and (%(batch)s::text is null or l.batch = %(batch)s)
  and (%(serial)s::text is null or l.serial = %(serial)s)
  and not exists (select 1 from settlement s where s.book = l.book and s.visit = l.visit and s.batch = l.batch
                  and s.refunds is null and s.refunded_by is null)

-- lines --
-- The bill lines of a visit, of one batch or of all.
select serial, batch, item, name, fen, in_policy, upfront, over_limit, self_funded, grade, tag, detail from fee_line
where book = %(book)s and visit = %(visit)s and (%(batch)s::text is null or batch = %(batch)s) order by serial

-- batches --
-- The batches of a visit's lines, each with the settlement of it that stands.
select l.batch, max(s.id::text) as settlement from (select distinct book, visit, batch from fee_line
    where book = %(book)s and visit = %(visit)s) l
left join settlement s on s.book = l.book and s.visit = l.visit and s.batch = l.batch and s.refunds is null and s.refunded_by is null
group by l.batch order by l.batch

-- items --
-- Catalogue entries in force on a day.
select distinct on (code) code, name, grade, upfront, limit_fen, charge, tag from catalogue_item
where code = any(%(codes)s) and valid_from <= %(on)s and (valid_to is null or valid_to >= %(on)s) order by code, valid_from desc

-- institution --
-- A designated institution.
select code, name, kind, region, level, book, enabled from institution where code = %(code)s

-- sign_in --
-- An operator's day begins.
insert into sign_in (book, institution, sign_no, operator, signed_at) values (%(book)s, %(institution)s, %(sign_no)s, %(operator)s, %(at)s)

-- sign_out --
-- And ends.
update sign_in set ended_at = %(at)s where book = %(book)s and institution = %(institution)s and sign_no = %(sign_no)s

-- newest_of_visit --
-- The last settlement of a visit, standing or refunded.
select * from settlement where book = %(book)s and visit = %(visit)s and refunds is null order by id desc limit 1

-- waiting_news --
-- What a book's outbox still has to tell, oldest first; rows another sender holds are left to it.
select id, topic, body from outbox where book = %(book)s order by id limit %(most)s for update skip locked

-- news_told --
-- Told.
delete from outbox where book = %(book)s and id = %(id)s

-- books_with_news --
-- The books whose outbox is not empty.
select distinct book from outbox

