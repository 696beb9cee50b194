-- freeze --
-- Part of an own account is promised; only what is free above floor and region's floor can be.
update purse set frozen = frozen + %(fen)s
where book = %(book)s and holder = %(holder)s and kind = 1 and balance - frozen - %(fen)s >= greatest(floor, %(keep)s::bigint)

-- thaw --
-- What was promised and not used is free again.
update purse set frozen = frozen - %(fen)s where book = %(book)s and holder = %(holder)s and kind = 1 and frozen >= %(fen)s

-- purse --
-- What an account holds.
select balance, floor, frozen from purse where book = %(book)s and holder = %(holder)s and kind = %(kind)s

-- add_grant --
-- A quota; nothing when the pair has one already.
insert into wallet_grant (book, id, receiver, receiver_region, giver_book, giver, giver_region, relation, status, quota, uses, opened_at,
                          valid_to)
values (%(book)s, %(id)s, %(receiver)s, %(receiver_region)s, %(giver_book)s, %(giver)s, %(giver_region)s, %(relation)s, 'active',
        %(quota)s, %(uses)s, %(at)s, %(valid_to)s) on conflict do nothing

-- add_given --
-- The same from the giver's side.
insert into wallet_given (book, giver, receiver_book, receiver, wallet)
values (%(book)s, %(giver)s, %(receiver_book)s, %(receiver)s, %(wallet)s)

-- grant --
-- One quota.
select book, id, receiver, receiver_region, giver_book, giver, giver_region, relation, status, quota, used, uses, opened_at, valid_to,
       ended_at, ended_because, version
from wallet_grant where book = %(book)s and id = %(id)s

-- received --
-- The quotas a person may spend.
select book, id, receiver, receiver_region, giver_book, giver, giver_region, relation, status, quota, used, uses, opened_at, valid_to,
       ended_at, ended_because, version
from wallet_grant where book = %(book)s and receiver = %(receiver)s and (%(past)s or ended_at is null) order by opened_at, id

-- given --
-- Where to look for the quotas a person gave.
select wallet from wallet_given where book = %(book)s and giver = %(giver)s and (%(past)s or ended_at is null) order by wallet

-- change_quota --
-- A new quota, if the one the giver saw is still in force and covers what was used.
update wallet_grant set quota = %(quota)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and status = 'active' and used <= %(quota)s
returning used

-- end_grant --
-- Over; what was left of it.
update wallet_grant set status = %(status)s, ended_at = %(at)s, ended_because = %(because)s, version = version + 1
where book = %(book)s and id = %(id)s and status = 'active' returning quota - used as unused

-- end_given --
-- The same from the giver's side.
update wallet_given set ended_at = %(at)s where book = %(book)s and giver = %(giver)s and wallet = %(wallet)s

-- expired_grants --
-- Quotas past their last day.
select id from wallet_grant where book = %(book)s and status = 'active' and valid_to < %(on)s order by id

-- parties --
-- Everybody of a book with a living quota on either side.
select receiver as person from wallet_grant where book = %(book)s and ended_at is null
union select giver from wallet_given where book = %(book)s and ended_at is null order by person

-- clear --
-- Every draw up to a day that no report has yet goes into this month's, once: marked and added up in one statement.
with taken as (
    update wallet_draw set cleared = %(month)s where book = %(book)s and cleared is null and business_date < %(before)s
    returning giver_region, receiver_region, fen)
insert into clearing as c (book, month, giver_region, receiver_region, fen, draws, made_at)
select %(book)s, %(month)s, giver_region, receiver_region, sum(fen), count(*), %(at)s from taken group by giver_region, receiver_region
on conflict (book, month, giver_region, receiver_region) do update set fen = c.fen + excluded.fen, draws = c.draws + excluded.draws

-- books_with_draws --
-- The books that have something to clear up to a day.
select distinct book from wallet_draw where cleared is null and business_date < %(before)s order by book

-- clearing --
-- A month's report over all books: what each giver's area owes each receiver's area.
select giver_region, receiver_region, sum(fen)::bigint as fen, sum(draws)::integer as draws
from clearing where month = %(month)s group by giver_region, receiver_region order by giver_region, receiver_region

-- open_wallet --
-- An opened wallet; one that was closed opens again.
insert into wallet as w (book, person, region, opened_at, opened_by) values (%(book)s, %(person)s, %(region)s, %(at)s, %(by)s)
on conflict (book, person) do update
   set region = excluded.region, opened_at = excluded.opened_at, opened_by = excluded.opened_by, closed_at = null, version = w.version + 1
 where w.closed_at is not null

-- close_wallet --
-- Closed, if nothing is in it.
update wallet w set closed_at = %(at)s, version = version + 1
where w.book = %(book)s and w.person = %(person)s and w.closed_at is null

-- wallet --
-- Somebody's wallet.
select region, opened_at, opened_by, closed_at, day, sent from wallet where book = %(book)s and person = %(person)s

-- hold_wallet --
-- The row that a sender's transfers queue behind.
update wallet set version = version + 1 where book = %(book)s and person = %(person)s and closed_at is null

-- count_sent --
-- One more transfer today, if the limit allows it.
update wallet set day = %(on)s, sent = case when day = %(on)s then sent + 1 else 1 end
where book = %(book)s and person = %(person)s and case when day = %(on)s then sent else 0 end < %(most)s

-- waiting_of --
-- Whether a transfer of this sender waits for its receiver.
select id from wallet_transfer where book = %(book)s and sender = %(sender)s and status = 'waiting' limit 1

-- add_transfer --
-- A transfer that waits for its receiver.
insert into wallet_transfer (book, id, sender, source, receiver_book, receiver, fen, status, sent_at, accept_by, journal)
values (%(book)s, %(id)s, %(sender)s, %(source)s, %(receiver_book)s, %(receiver)s, %(fen)s, 'waiting', %(at)s, %(accept_by)s, %(journal)s)

-- add_incoming --
-- The same from the receiver's side.
insert into wallet_incoming (book, receiver, sender_book, transfer, sent_at)
values (%(book)s, %(receiver)s, %(sender_book)s, %(transfer)s, %(at)s)

-- transfer --
-- One transfer.
select book, id, sender, source, receiver_book, receiver, fen, status, sent_at, accept_by, decided_at, journal
from wallet_transfer where book = %(book)s and id = %(id)s

-- incoming --
-- Where to look for the transfers that came to a person.
select transfer from wallet_incoming where book = %(book)s and receiver = %(receiver)s order by sent_at desc, transfer limit 100

-- decide_transfer --
-- Accepted or returned, once.
update wallet_transfer set status = %(status)s, decided_at = %(at)s where book = %(book)s and id = %(id)s and status = 'waiting'

-- overdue --
-- Transfers nobody accepted in time.
select id from wallet_transfer where book = %(book)s and status = 'waiting' and accept_by <= %(at)s order by accept_by, id limit %(most)s

-- books_overdue --
-- The books that have such transfers.
select distinct book from wallet_transfer where status = 'waiting' and accept_by <= %(at)s order by book
