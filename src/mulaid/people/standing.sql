-- living --
-- Whether a person lives; the row that changes of a person queue behind.
select born, died_on from person where book = %(book)s and id = %(id)s for update

-- died --
-- The day of death, once.
update person set died_on = %(on)s where book = %(book)s and id = %(id)s and died_on is null

-- add_waiting --
-- How long benefits wait, as it was decided.
insert into waiting (book, id, person, track, lapsed_from, paid_on, begins_on, months, claimable_back, steps, pack)
values (%(book)s, %(id)s, %(person)s, %(track)s, %(lapsed_from)s, %(paid_on)s, %(begins_on)s, %(months)s, %(claimable_back)s, %(steps)s,
        %(pack)s)

-- newest_waiting --
-- The last decision about a person's wait.
select id, begins_on from waiting where book = %(book)s and person = %(person)s and undone_at is null order by id desc limit 1

-- waitings --
-- Every decision about a person's waits, oldest first.
select id, track, lapsed_from, paid_on, begins_on, months, claimable_back, steps, pack from waiting
where book = %(book)s and person = %(person)s and undone_at is null order by id

-- undo_waiting --
-- The payment it followed from was given back.
update waiting set undone_at = %(at)s where book = %(book)s and id = %(id)s and undone_at is null

-- end_kinship --
-- Registered kinship is over, in one direction.
update kinship set valid_to = %(last)s where book = %(book)s and person = %(person)s and other = %(other)s
  and (valid_to is null or valid_to > %(last)s)

-- keep_pack --
-- The values a decision was made with, once a digest.
insert into pack (digest, region, name, body) values (%(digest)s, %(region)s, %(name)s, %(body)s) on conflict do nothing
