-- add_household --
-- A household account; nothing when the head has one.
insert into household (book, id, head, region, opened_on) values (%(book)s, %(id)s, %(head)s, %(region)s, %(on)s) on conflict do nothing

-- household --
-- One household.
select book, id, head, region, opened_on, closed_on, version from household where book = %(book)s and id = %(id)s

-- hold_household --
-- The row that changes of a household queue behind, if it is open.
update household set version = version + 1 where book = %(book)s and id = %(id)s and closed_on is null

-- close_household --
-- Over.
update household set closed_on = %(on)s, version = version + 1 where book = %(book)s and id = %(id)s and closed_on is null

-- seat_of --
-- The household a person is in now.
select book, id, person, household_book, household, relation, joined_on from household_member
where book = %(book)s and person = %(person)s and left_on is null

-- add_seat --
-- A member; nothing when the person is in a household already.
insert into household_member (book, id, person, household_book, household, relation, joined_on)
values (%(book)s, %(id)s, %(person)s, %(household_book)s, %(household)s, %(relation)s, %(on)s) on conflict do nothing

-- add_roll --
-- The same from the household's side.
insert into household_roll (book, household, member_book, member, id) values (%(book)s, %(household)s, %(member_book)s, %(member)s, %(id)s)

-- roll --
-- Everybody in a household; the head is first.
select member_book, member, id, part, left_on from household_roll
where book = %(book)s and household = %(household)s and (%(past)s or left_on is null) order by id

-- seat --
-- One membership.
select relation, joined_on, month, transfers from household_member where book = %(book)s and id = %(id)s

-- leave --
-- Left: from now on the member's bills do not reach the pool.
update household_member set left_on = %(on)s, version = version + 1 where book = %(book)s and id = %(id)s and left_on is null

-- leave_roll --
-- The same from the household's side.
update household_roll set left_on = %(on)s, part = 0 where book = %(book)s and household = %(household)s and id = %(id)s

-- set_part --
-- What of the pool is a member's own.
update household_roll set part = %(part)s where book = %(book)s and household = %(household)s and id = %(id)s

-- count_transfer --
-- One more transfer this month, if the region allows it.
update household_member set month = %(month)s, transfers = case when month = %(month)s then transfers + 1 else 1 end
where book = %(book)s and id = %(id)s and left_on is null
  and (%(most)s::integer is null or case when month = %(month)s then transfers else 0 end < %(most)s)

-- held_purse --
-- What a purse holds and must keep; it is held, so that what is said about it stays true.
select balance, floor, frozen from purse where book = %(book)s and holder = %(holder)s and kind = %(kind)s for update

-- closed_with_money --
-- Closed households of a book into whose pool a refund has come since.
select h.id from household h join purse p on p.book = h.book and p.holder = h.id and p.kind = 3
where h.book = %(book)s and h.closed_on is not null and p.balance > 0 order by h.id

-- seated --
-- Everybody of a book who is in a household.
select person from household_member where book = %(book)s and left_on is null order by person

-- add_invitation --
-- An invitation; one that waits already waits longer.
insert into household_invitation (book, id, person, household_book, household, relation, status, invited_at, lapses_at)
values (%(book)s, %(id)s, %(person)s, %(household_book)s, %(household)s, %(relation)s, 'waiting', %(at)s, %(lapses_at)s)
on conflict (book, person, household) where status = 'waiting'
do update set relation = excluded.relation, invited_at = excluded.invited_at, lapses_at = excluded.lapses_at
returning id

-- invitation --
-- One invitation.
select book, id, person, household, relation, status, invited_at, lapses_at from household_invitation where book = %(book)s and id = %(id)s

-- invitations --
-- What a person is invited to now.
select book, id, person, household, relation, status, invited_at, lapses_at from household_invitation
where book = %(book)s and person = %(person)s and status = 'waiting' and lapses_at > %(at)s order by invited_at, id

-- decide_invitation --
-- Answered, once.
update household_invitation set status = %(status)s, decided_at = %(at)s
where book = %(book)s and id = %(id)s and status = 'waiting' and lapses_at > %(at)s
