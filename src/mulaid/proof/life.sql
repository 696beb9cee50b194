-- add_kinship --
-- What one person is to another, as a register has it.
insert into kinship (book, person, other, relation, valid_from) values (%(book)s, %(person)s, %(other)s, %(relation)s, %(since)s)

-- newest_settlements --
-- The newest decision of every book: the next look at decisions begins after it.
select book, max(id::text)::uuid as id from settlement group by book

-- limits_passed --
-- Authorisations from which more was taken than their giver allowed. A cap may be lowered below what a span has used already.
select id from aid a where used > coalesce(quota, used)
   or ((month_used > coalesce(month_cap, month_used) or year_used > coalesce(year_cap, year_used))
       and not exists (select 1 from audit c where c.book = a.book and c.act = 'change_aid' and c.subject = a.id))

-- frozen_wrong --
-- Accounts whose frozen part is not what the living quotas of their owner still hold.
select p.book, p.holder, p.frozen, coalesce(g.fen, 0) as held from purse p
left join (select giver_book, giver, sum(quota - used) as fen from wallet_grant where status = 'active' group by 1, 2) g
       on g.giver_book = p.book and g.giver = p.holder
where p.kind = 1 and p.frozen <> coalesce(g.fen, 0)

-- years_wrong --
-- Insured years whose sums are not those of the settlements that stand.
select y.person, y.year from insured_year y
left join (select person, year, sum(added[1]) as in_policy, sum(added[2]) as fund, sum(added[3]) as supplement, sum(added[4]) as deductible,
                  sum(added[5]) as admissions, sum(added[6]) as inpatient_in_policy, sum(added[7]) as inpatient_fund,
                  sum(added[8]) as disease_deductible, sum(added[9]) as disease_fund, sum(added[10]) as self_paid, sum(added[11]) as serious
             from settlement where refunds is null and refunded_by is null group by 1, 2) s on s.person = y.person and s.year = y.year
where (y.in_policy, y.fund, y.supplement, y.deductible, y.admissions, y.inpatient_in_policy, y.inpatient_fund, y.disease_deductible,
       y.disease_fund, y.self_paid, y.serious)
   is distinct from (coalesce(s.in_policy, 0), coalesce(s.fund, 0), coalesce(s.supplement, 0), coalesce(s.deductible, 0),
       coalesce(s.admissions, 0), coalesce(s.inpatient_in_policy, 0), coalesce(s.inpatient_fund, 0), coalesce(s.disease_deductible, 0),
       coalesce(s.disease_fund, 0), coalesce(s.self_paid, 0), coalesce(s.serious, 0))

-- used_wrong --
-- Authorisations whose sum of use is not what settlements and premiums that stand took by them.
select a.id, a.used, coalesce(t.fen, 0) as taken from aid a left join (
    select aid, sum(fen) as fen from (
        select (step -> 4 ->> 'aid')::uuid as aid, (step ->> 1)::bigint as fen
        from settlement s, json_array_elements(s.steps) as step
        where s.refunds is null and s.refunded_by is null and step ->> 0 = 'aid'
        union all select aid, account from premium where aid is not null and refunded_at is null) one group by aid) t on t.aid = a.id
where a.used <> coalesce(t.fen, 0)

-- outlived --
-- Relations that live on though somebody of them is dead.
select 'authorisation ' || a.id as what from aid a join person p on p.id in (a.giver, a.receiver)
    where p.died_on is not null and a.ended_at is null
union all select 'quota ' || w.id from wallet_grant w join person p on p.id in (w.giver, w.receiver)
    where p.died_on is not null and w.status = 'active'
union all select 'seat ' || m.id from household_member m join person p on p.id = m.person where p.died_on is not null and m.left_on is null
union all select 'bond ' || b.id from family_bond b join person p on p.id in (b.member, b.binder)
    where p.died_on is not null and b.ended_at is null

-- parts_wrong --
-- Closed household accounts with a member left in them, and living ones without their head.
select h.id from household h
where (h.closed_on is not null and exists (select 1 from household_roll r where r.book = h.book and r.household = h.id and r.left_on is null))
   or (h.closed_on is null and not exists (select 1 from household_roll r where r.book = h.book and r.household = h.id
                                           and r.member = h.head and r.left_on is null))

-- signals --
-- What the watch made signals of.
select rule_name as rule, subject, settlements from signal order by begun_at

-- settled --
-- How many settlements there are, without refunds.
select count(*)::int as many from settlement where refunds is null
