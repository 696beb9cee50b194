-- hold_party --
-- The row that changes of a person's relations queue behind, made when it is first needed.
insert into aid_party (book, person, changes) values (%(book)s, %(person)s, 1)
on conflict (book, person) do update set changes = aid_party.changes + 1

-- shown --
-- What a person is called in front of relatives.
select shown, died_on from person where book = %(book)s and id = %(id)s

-- add_aid --
-- An authorisation; nothing when the pair has one already.
insert into aid (book, id, receiver, giver_book, giver, relation, kinship, status, waits_for, lapses_at, filed_at, bound_at, valid_to,
                 quota, settlement_cap, month_cap, year_cap, reserve, rank, uses)
values (%(book)s, %(id)s, %(receiver)s, %(giver_book)s, %(giver)s, %(relation)s, %(kinship)s, %(status)s, %(waits_for)s, %(lapses_at)s,
        %(filed_at)s, %(bound_at)s, %(valid_to)s, %(quota)s, %(settlement_cap)s, %(month_cap)s, %(year_cap)s, %(reserve)s, %(rank)s,
        %(uses)s) on conflict do nothing

-- add_aid_given --
-- The same from the giver's side.
insert into aid_given (book, giver, receiver_book, receiver, aid, began)
values (%(book)s, %(giver)s, %(receiver_book)s, %(receiver)s, %(aid)s, %(began)s)

-- add_promise --
-- The letter the giver agreed to.
insert into aid_promise (book, aid, edition, text, hash, agreed_at, agreed_by)
values (%(book)s, %(aid)s, %(edition)s, %(text)s, %(hash)s, %(at)s, %(by)s)

-- promise --
-- The letter behind an authorisation.
select edition, text, hash, agreed_at, agreed_by from aid_promise where book = %(book)s and aid = %(aid)s

-- receivers --
-- How many a giver gives to now, to how many different people ever, and whether this one was among them.
select count(*) filter (where ended_at is null) as living,
       count(distinct receiver) filter (where began or ended_at is null) as ever,
       coalesce(bool_or(receiver = %(receiver)s and began), false) as former
from aid_given where book = %(book)s and giver = %(giver)s

-- givers --
-- How many give to a receiver now.
select count(*) as living from aid where book = %(book)s and receiver = %(receiver)s and status in ('pending', 'active', 'locked')

-- kinship --
-- What the registers say a relative is, stretches that have ended included.
select relation, valid_from, valid_to from kinship where book = %(book)s and person = %(person)s and other = %(other)s order by valid_from

-- aid --
-- One authorisation.
select book, id, receiver, giver_book, giver, relation, kinship, status, waits_for, lapses_at, filed_at, bound_at, valid_to, quota, used,
       settlement_cap, month_cap, year_cap, reserve, paused, month, month_used, year, year_used, day, day_used, rank, uses, ended_at,
       ended_because, version
from aid where book = %(book)s and id = %(id)s

-- received --
-- What a person receives, the living first, in the receiver's own order.
select book, id, receiver, giver_book, giver, relation, kinship, status, waits_for, lapses_at, filed_at, bound_at, valid_to, quota, used,
       settlement_cap, month_cap, year_cap, reserve, paused, month, month_used, year, year_used, day, day_used, rank, uses, ended_at,
       ended_because, version
from aid where book = %(book)s and receiver = %(receiver)s and (%(past)s or ended_at is null)
order by ended_at nulls first, rank nulls last, bound_at, id

-- given --
-- Where to look for what a person gives.
select aid from aid_given where book = %(book)s and giver = %(giver)s and (%(past)s or ended_at is null) order by aid

-- begin_aid --
-- A pending authorisation begins, if nobody changed it in between.
update aid set status = 'active', waits_for = null, lapses_at = null, bound_at = %(bound_at)s, kinship = %(kinship)s, version = version + 1
where book = %(book)s and id = %(id)s and status = 'pending' and version = %(version)s

-- begin_given --
-- The same from the giver's side.
update aid_given set began = true where book = %(book)s and giver = %(giver)s and aid = %(aid)s

-- hand_on --
-- The receiver has said yes; now the agency has the word.
update aid set waits_for = 'agency', lapses_at = null, version = version + 1
where book = %(book)s and id = %(id)s and status = 'pending' and waits_for = 'receiver' and version = %(version)s

-- change_aid --
-- New terms, if the ones the giver saw are still those in force. What was used before counts on.
update aid set quota = %(quota)s, settlement_cap = %(settlement_cap)s, month_cap = %(month_cap)s, year_cap = %(year_cap)s,
       reserve = %(reserve)s, valid_to = %(valid_to)s, uses = %(uses)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and status in ('active', 'locked')
  and (%(quota)s::bigint is null or used <= %(quota)s)

-- pause_aid --
-- Paused or going on.
update aid set paused = %(paused)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and status in ('active', 'locked') and paused <> %(paused)s

-- rank_aid --
-- The receiver's place for a giver.
update aid set rank = %(rank)s, version = version + 1
where book = %(book)s and id = %(id)s and receiver = %(receiver)s and ended_at is null

-- end_aid --
-- The authorisation is over; money already paid under it still returns to the giver on a refund.
update aid set status = %(status)s, waits_for = null, lapses_at = null, ended_at = %(at)s, ended_because = %(because)s,
       version = version + 1
where book = %(book)s and id = %(id)s and ended_at is null

-- end_given --
-- The same from the giver's side.
update aid_given set ended_at = %(at)s where book = %(book)s and giver = %(giver)s and aid = %(aid)s

-- lapsed --
-- Invitations nobody answered in time, and authorisations past their last day.
select id from aid where book = %(book)s and ended_at is null
   and ((status = 'pending' and lapses_at <= %(at)s) or (status in ('active', 'locked') and valid_to < %(on)s)) order by id limit %(most)s

-- parties --
-- Everybody of a book with a living authorisation on either side.
select receiver as person from aid where book = %(book)s and ended_at is null
union select giver from aid_given where book = %(book)s and ended_at is null order by person

-- suspended_between --
-- Whether a person was suspended on any day of a span.
select 1 as found from enrolment
where book = %(book)s and person = %(person)s and status = 'suspended' and valid_from <= %(last)s
  and (valid_to is null or valid_to >= %(first)s) limit 1

-- put_to_sleep --
-- Asleep, if it has been active and unused until now.
update aid set status = 'locked', version = version + 1
where book = %(book)s and id = %(id)s and status = 'active' and version = %(version)s

-- wake --
-- Awake; counted as used today, so that it does not fall asleep again tonight.
update aid set status = 'active', day = %(on)s, day_used = case when day = %(on)s then day_used else 0 end, version = version + 1
where book = %(book)s and id = %(id)s and status = 'locked' and version = %(version)s
