-- year --
-- A span's bills of a person in one look: each bill and refund, the months, the whole, and whose money it was by relative.
-- what: line, month, whole, from. Refunds are lines of their own with negative amounts and count no visit.
with s as (
    select s.id, s.visit, s.institution, i.name, v.use, s.service_date, s.business_date, date_trunc('month', s.service_date)::date as month,
           s.total, s.pool, s.supplement, s.serious, s.current_year, s.account, s.household, s.aid, s.wallet, s.cash, s.self_paid,
           coalesce((select sum((p->>'in_policy')::bigint) from json_array_elements(s.facts->'portions') p), 0)
               * case when s.refunds is null then 1 else -1 end as in_policy,
           s.refunds, s.refunded_by, s.steps
    from settlement s
    join visit v on v.book = s.book and v.id = s.visit
    left join institution i on i.code = s.institution
    where s.book = %(book)s and s.person = %(person)s and s.service_date between %(first)s and %(last)s
), relatives as (
    select s.month, step->>0 as source, coalesce(step->4->>'giver', step->4->>'head', '') as shown,
           coalesce(step->4->>'relation', '') as relation, (step->>1)::bigint * case when s.refunds is null then 1 else -1 end as fen
    from s, json_array_elements(s.steps) step where step->>0 in ('aid', 'household', 'wallet')
)
select 'line' as what, id, visit, institution, name, use, service_date, business_date, month, refunds, 1::bigint as visits,
       total, pool, supplement, serious, current_year, account, household, aid, wallet, cash, self_paid, in_policy::bigint as in_policy,
       '' as source, '' as shown, '' as relation
from s
union all
select 'month', null, null, null, null, null, null, null, month, null,
       count(distinct visit) filter (where refunds is null and refunded_by is null),
       sum(total)::bigint, sum(pool)::bigint, sum(supplement)::bigint, sum(serious)::bigint, sum(current_year)::bigint, sum(account)::bigint,
       sum(household)::bigint, sum(aid)::bigint, sum(wallet)::bigint, sum(cash)::bigint, sum(self_paid)::bigint, sum(in_policy)::bigint,
       '', '', ''
from s group by month
union all
select 'whole', null, null, null, null, null, null, null, null, null,
       count(distinct visit) filter (where refunds is null and refunded_by is null),
       coalesce(sum(total), 0)::bigint, coalesce(sum(pool), 0)::bigint, coalesce(sum(supplement), 0)::bigint,
       coalesce(sum(serious), 0)::bigint, coalesce(sum(current_year), 0)::bigint, coalesce(sum(account), 0)::bigint,
       coalesce(sum(household), 0)::bigint, coalesce(sum(aid), 0)::bigint, coalesce(sum(wallet), 0)::bigint,
       coalesce(sum(cash), 0)::bigint, coalesce(sum(self_paid), 0)::bigint, coalesce(sum(in_policy), 0)::bigint, '', '', ''
from s
union all
select 'from', null, null, null, null, null, null, null, month, null, 0, sum(fen)::bigint, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, source, shown, relation
from relatives group by month, source, shown, relation
order by what, month, service_date, id

-- borne --
-- What a person bore within the catalogue over a span, after serious-illness money.
select coalesce(sum(self_paid - serious), 0)::bigint as fen from settlement
where book = %(book)s and person = %(person)s and service_date between %(first)s and %(last)s

-- given --
-- What left a giver's account for a relative's bill, or came back, and the settlement it was for.
select e.no, e.fen, e.balance, e.business_date, j.settlement from entry e
join journal j on j.book = e.book and j.id = e.journal
where e.book = %(book)s and e.holder = %(giver)s and e.kind = 1 and e.business_date between %(first)s and %(last)s
  and j.settlement is not null
  and exists (select 1 from unnest(j.accounts, j.kinds) as leg(account, kind)
              where leg.account = 'purse:' || e.holder || ':1' and leg.kind in ('aid', 'wallet'))
order by e.no

-- given_for --
-- For whom and where those settlements were.
select s.id, s.person, p.shown, s.institution, i.name, s.service_date, s.refunds is not null as refund,
       coalesce((select g->>'relation' from json_array_elements(s.facts->'givers') g where g->>'person' = %(giver)s limit 1),
                (select w->>'relation' from json_array_elements(s.facts->'wallets') w where w->>'person' = %(giver)s limit 1), '') as relation
from settlement s
join person p on p.book = s.book and p.id = s.person
left join institution i on i.code = s.institution
where s.book = %(book)s and s.id = any(%(ids)s::uuid[])

-- born --
-- When somebody was born, and the masked name.
select born, shown from person where book = %(book)s and id = %(id)s
