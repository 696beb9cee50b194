-- books_to_seal --
-- Books with journals or acts, found by jumping from one to the next.
with recursive
    moved(book) as ((select book from journal order by book limit 1)
        union all select (select j.book from journal j where j.book > m.book order by j.book limit 1) from moved m where m.book is not null),
    acted(book) as ((select book from audit order by book limit 1)
        union all select (select a.book from audit a where a.book > b.book order by a.book limit 1) from acted b where b.book is not null)
select book from moved where book is not null union select book from acted where book is not null order by book

-- last_seal --
-- The newest block of a chain, and the newest row that any of its blocks holds.
select b.*, (select s.id from sealed s where s.book = %(book)s and s.chain = %(chain)s order by s.id desc limit 1) as newest
from seal b where b.book = %(book)s and b.chain = %(chain)s order by b.no desc limit 1

-- unsealed --
-- What is in no block yet, oldest first.
select t.id, t.content from to_seal t
where t.book = %(book)s and t.chain = %(chain)s and t.id >= %(since)s
  and not exists (select 1 from sealed s where s.book = %(book)s and s.chain = %(chain)s and s.id = t.id)
order by t.id limit %(most)s

-- add_seal --
-- A block; nothing when another worker has made it.
insert into seal (book, chain, no, count, root, previous, signature, sealed_at)
values (%(book)s, %(chain)s, %(no)s, %(count)s, %(root)s, %(previous)s, %(signature)s, %(sealed_at)s) on conflict do nothing

-- add_sealed --
-- The rows of a block in their order.
insert into sealed (book, chain, id, block, place, leaf)
select %(book)s, %(chain)s, one.id, %(block)s, one.place, one.leaf
from unnest(%(ids)s::uuid[], %(leaves)s::bytea[]) with ordinality as one(id, leaf, place)

-- newest_seals --
-- The newest block of every chain.
select distinct on (book, chain) * from seal order by book, chain, no desc

-- sealed_books --
-- Books that have a block.
select distinct book from seal order by book

-- seals --
-- A chain's blocks in their order.
select * from seal where book = %(book)s and chain = %(chain)s order by no

-- sealed --
-- A block's rows in their order, with what they are now.
select s.id, s.leaf, t.content from sealed s
left join to_seal t on t.book = %(book)s and t.chain = %(chain)s and t.id = s.id
where s.book = %(book)s and s.chain = %(chain)s and s.block = %(block)s order by s.place

-- never_sealed --
-- What should be in a block and is in none.
select t.id from to_seal t
where t.book = %(book)s and t.chain = %(chain)s and t.id < %(until)s
  and not exists (select 1 from sealed s where s.book = %(book)s and s.chain = %(chain)s and s.id = t.id)
order by t.id limit 100
