-- sent_since --
-- Whether a code went to this number a moment ago.
select 1 as sent from phone_code where number = %(number)s and expires_at > %(moment)s limit 1

-- put_code --
-- A fresh code for this number, purpose and session; the one before is gone.
insert into phone_code (number, purpose, session, hash, expires_at)
values (%(number)s, %(purpose)s, %(session)s, %(hash)s, %(expires_at)s)
on conflict (number, purpose, session) do update
set hash = excluded.hash, expires_at = excluded.expires_at, tries = 0, used_at = null

-- try_code --
-- One try, counted whether right or wrong; of many right ones at once one wins.
update phone_code set tries = tries + 1, used_at = case when hash = %(hash)s then %(at)s::timestamptz end
where number = %(number)s and purpose = %(purpose)s and session = %(session)s and used_at is null and tries < %(most)s and expires_at > %(at)s
returning used_at

-- spend_proof --
-- A number that was proved for a purpose in a session serves once.
delete from phone_code where number = %(number)s and purpose = %(purpose)s and session = %(session)s and used_at > %(since)s

-- set_phone --
-- The number a person proved to have.
insert into phone (book, person, number, proved_at) values (%(book)s, %(person)s, %(number)s, %(at)s)
on conflict (book, person) do update set number = excluded.number, proved_at = excluded.proved_at

-- phone --
-- The number on record.
select number, proved_at from phone where book = %(book)s and person = %(person)s

-- add_sms --
-- A short message to send after the commit.
insert into sms (book, id, number, template, filled, state, due_at)
values (%(book)s, %(id)s, %(number)s, %(template)s, %(filled)s, 'waiting', %(at)s)

-- sms --
-- One short message.
select number, template, filled, state, trouble from sms where book = %(book)s and id = %(id)s

-- books_with_sms --
-- The books that have short messages to look at.
select distinct book from sms where state in ('waiting', 'sending') and due_at <= %(at)s

-- sms_waiting --
-- What is due, oldest first; rows that another sender holds are left to it.
select id, number, template, filled, state, tries from sms
where book = %(book)s and state in ('waiting', 'sending') and due_at <= %(at)s order by due_at limit %(most)s for update skip locked

-- sms_taken --
-- It is being sent; if nothing is heard of it until `due_at`, it may have left.
update sms set state = 'sending', tries = tries + 1, due_at = %(due_at)s where book = %(book)s and id = %(id)s

-- sms_again --
-- It did not leave and is tried once more later.
update sms set state = 'waiting', due_at = %(due_at)s, trouble = %(trouble)s where book = %(book)s and id = %(id)s

-- sms_ended --
-- It left, or it never will; what it said is forgotten.
update sms set state = %(state)s, sent_at = %(sent_at)s, receipt = %(receipt)s, trouble = %(trouble)s, filled = ''
where book = %(book)s and id = %(id)s

-- drop_codes --
-- Codes that are long over.
delete from phone_code where expires_at < %(moment)s
