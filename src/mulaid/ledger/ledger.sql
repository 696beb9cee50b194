-- open_purse --
-- A purse with nothing in it; nothing when it is there already.
insert into purse (book, holder, kind) values (%(book)s, %(holder)s, %(kind)s) on conflict do nothing

-- move_purse --
-- The guarded update: the balance changes only if what is not frozen stays at or above the floor.
update purse set balance = balance + %(fen)s, last_no = last_no + 1
where book = %(book)s and holder = %(holder)s and kind = %(kind)s and balance + %(fen)s - frozen >= floor
returning last_no, balance

-- add_entry --
-- What happened to a purse.
insert into entry (book, holder, kind, no, journal, fen, balance, business_date, recorded_at)
values (%(book)s, %(holder)s, %(kind)s, %(no)s, %(journal)s, %(fen)s, %(balance)s, %(business_date)s, %(at)s)

-- add_journal --
-- One immutable row; its legs sum to zero by a check of the table.
insert into journal (book, id, cause, accounts, fens, kinds, settlement, corrects, returns, business_date, recorded_at)
values (%(book)s, %(id)s, %(cause)s, %(accounts)s, %(fens)s, %(kinds)s, %(settlement)s, %(corrects)s, %(returns)s, %(business_date)s, %(at)s)

-- journal --
-- A journal with its legs.
select book, id, cause, accounts, fens, kinds, settlement, corrects from journal where book = %(book)s and id = %(id)s

-- count_return --
-- Count what a leg has given back, never more than the leg itself.
insert into returned as r (book, journal, leg, fen) values (%(book)s, %(journal)s, %(leg)s, %(fen)s)
on conflict (book, journal, leg) do update set fen = r.fen + excluded.fen where r.fen + excluded.fen <= %(most)s

-- purses --
-- The purses of a holder.
select kind, balance, floor, last_no from purse where book = %(book)s and holder = %(holder)s order by kind

-- statement --
-- The entries of a purse over a span of business days, oldest first.
select no, journal, fen, balance, business_date, recorded_at from entry
where book = %(book)s and holder = %(holder)s and kind = %(kind)s and business_date between %(first)s and %(last)s order by no

-- trial_balance --
-- Every account of a book with the sum of its legs, purses by kind; all together they are zero.
select case when account like 'purse:%%' then 'purses:' || right(account, 1) else account end as account, sum(fen)::bigint as fen
from journal j, unnest(j.accounts, j.fens) as leg(account, fen)
where j.book = %(book)s group by 1 order by 1

-- books --
-- The books that have anything in them.
select book from journal union select book from purse union select book from entry order by book

-- purses_wrong --
-- Purses whose balance, last number, entries and entry balances do not tell the same story, or that are gone.
select coalesce(p.holder, e.holder) as holder, coalesce(p.kind, e.kind) as kind, p.balance, p.floor, p.last_no,
       coalesce(e.total, 0) as total, coalesce(e.many, 0) as many
from (select holder, kind, balance, floor, last_no from purse where book = %(book)s) p
full join (
    select holder, kind, sum(fen)::bigint as total, count(*) as many, max(no) as top,
           bool_and(balance = running) as chained
    from (select holder, kind, no, fen, balance, sum(fen) over (partition by holder, kind order by no) as running
          from entry where book = %(book)s) s
    group by holder, kind) e on e.holder = p.holder and e.kind = p.kind
where p.holder is null or p.balance < p.floor or p.balance <> coalesce(e.total, 0) or p.last_no <> coalesce(e.many, 0)
   or p.last_no <> coalesce(e.top, 0) or not coalesce(e.chained, true)

-- legs_without_entry --
-- Purse legs and entries that do not match one to one.
select coalesce(l.account, 'purse:' || e.holder || ':' || e.kind) as account, coalesce(l.journal, e.journal) as journal
from (select j.id as journal, leg.account, sum(leg.fen) as fen from journal j, unnest(j.accounts, j.fens) as leg(account, fen)
      where j.book = %(book)s and leg.account like 'purse:%%' group by 1, 2) l
full join (select journal, holder, kind, sum(fen) as fen from entry where book = %(book)s group by 1, 2, 3) e
  on e.journal = l.journal and l.account = 'purse:' || e.holder || ':' || e.kind
where l.fen is distinct from e.fen

-- clearing --
-- What a book owes each other book.
select substring(account from 10)::integer as other, sum(fen)::bigint as fen
from journal j, unnest(j.accounts, j.fens) as leg(account, fen)
where j.book = %(book)s and account like 'clearing:%%' group by 1
