-- any_staff --
-- Whether there is any account.
select id from staff limit 1

-- staff --
-- One account.
select id, name, document, region, roles, proposed, proposed_by, granted_by, expires_on, disabled_at from staff where id = %(id)s

-- lock_staff --
-- The same, so that a grant is for the roles that were read.
select id, region, proposed, proposed_by from staff where id = %(id)s for update

-- add_staff --
-- An account without roles; nothing when the id or the person has one.
insert into staff (id, name, document, region, added_by, added_at, expires_on)
values (%(id)s, %(name)s, %(document)s, %(region)s, %(by)s, %(at)s, %(expires_on)s) on conflict do nothing

-- propose_roles --
-- What somebody else is to grant.
update staff set proposed = %(roles)s, proposed_by = %(by)s, granted_by = case when roles = '{}' then null else granted_by end
where id = %(id)s

-- grant_roles --
-- The proposed roles are the roles; the table refuses the proposer's own word.
update staff set roles = proposed, proposed = null, granted_by = %(by)s where id = %(id)s and proposed is not null

-- renew_staff --
-- A new end date; an account that had ended serves again.
update staff set expires_on = %(expires_on)s, disabled_at = null where id = %(id)s

-- disable_staff --
-- The account ends.
update staff set disabled_at = %(at)s where id = %(id)s and disabled_at is null

-- disable_expired --
-- The accounts whose last day is over.
update staff set disabled_at = %(at)s where expires_on < %(on)s and disabled_at is null

-- invite_staff --
-- A fresh invitation; what was set before is void.
insert into staff_key (staff, invitation, invited_until) values (%(id)s, %(invitation)s, %(until)s)
on conflict (staff) do update
set invitation = excluded.invitation, invited_until = excluded.invited_until, password = null, secret = null, ready_at = null

-- staff_key --
-- How somebody signs in.
select invitation, invited_until, password, secret, ready_at, last_step from staff_key where staff = %(id)s

-- set_staff_key --
-- Password and second factor, which are to be proved; the invitation stands until they are.
update staff_key set password = %(password)s, secret = %(secret)s
where staff = %(id)s and invitation = %(invitation)s and invited_until > %(at)s and ready_at is null

-- prove_staff_key --
-- The second factor is in the right hands; the invitation is spent.
update staff_key set ready_at = %(at)s, invitation = null, last_step = %(step)s
where staff = %(id)s and invitation = %(invitation)s and invited_until > %(at)s and ready_at is null and secret is not null

-- use_step --
-- A code serves once: of many who use it at once one gets in.
update staff_key set last_step = %(step)s where staff = %(id)s and ready_at is not null and last_step < %(step)s

-- open_staff_session --
-- A session; the one before is over with it.
insert into staff_session (staff, token, address, opened_at, seen_at) values (%(id)s, %(token)s, %(address)s, %(at)s, %(at)s)
on conflict (staff) do update
set token = excluded.token, address = excluded.address, opened_at = excluded.opened_at, seen_at = excluded.seen_at, ended_at = null

-- staff_session --
-- Whose session this is.
select staff, address, opened_at, seen_at from staff_session where token = %(token)s and ended_at is null

-- touch_staff_session --
-- Somebody is at work.
update staff_session set seen_at = %(at)s where token = %(token)s and ended_at is null

-- end_staff_session --
-- The session is over.
update staff_session set ended_at = %(at)s where token = %(token)s and ended_at is null

-- related --
-- Whether the other is of the one's family, as far as the one's book knows.
select 1 as related from kinship where book = %(book)s and person = %(one)s and other = %(other)s and valid_to is null
union all
select 1 from family_bond where book = %(book)s and member = %(one)s and binder = %(other)s and ended_at is null
union all
select 1 from aid where book = %(book)s and receiver = %(one)s and giver = %(other)s and status in ('pending', 'active', 'locked')
limit 1

-- open_case --
-- A case; nothing when the same matter of the same person is open already.
insert into desk_case (book, id, matter, region, state, person, applicant, about, detail, signals, opened_at, opened_by, due_on)
values (%(book)s, %(id)s, %(matter)s, %(region)s, 'open', %(person)s, %(applicant)s, %(about)s, %(detail)s, %(signals)s, %(at)s,
        %(by)s, %(due_on)s) on conflict do nothing

-- case --
-- One case.
select * from desk_case where book = %(book)s and id = %(id)s

-- open_case_about --
-- The open case of one matter.
select id from desk_case where book = %(book)s and matter = %(matter)s and person = %(person)s and about = %(about)s and ended_at is null

-- take_case --
-- Of many who take it at once one gets it.
update desk_case set state = 'taken', taken_by = %(by)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = 'open'

-- give_back_case --
-- Open again, for somebody else.
update desk_case set state = 'open', taken_by = null, papers_due_on = null, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state in ('taken', 'asked_for_papers') and taken_by = %(by)s

-- ask_papers --
-- The applicant is asked for more, by a day.
update desk_case set state = 'asked_for_papers', papers_due_on = %(papers_due_on)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = 'taken' and taken_by = %(by)s

-- papers_came --
-- The clerk who asked goes on, with days of his own again; papers that came unasked change nothing but the version.
update desk_case set state = case when state = 'open' then 'open' else 'taken' end, papers_due_on = null,
    due_on = case when state = 'asked_for_papers' then greatest(due_on, %(due_on)s) else due_on end, signals = %(signals)s,
    version = version + 1
where book = %(book)s and id = %(id)s and state in ('open', 'taken', 'asked_for_papers')

-- decide_case --
-- One person's verdict, on what lies before him at this moment.
update desk_case set state = 'decided', verdict = %(verdict)s, reason = %(reason)s, words = %(words)s, basis = %(basis)s,
    decided_by = %(by)s, decided_at = %(at)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = 'taken' and taken_by = %(by)s

-- check_case --
-- The second person agrees; the table refuses the first one.
update desk_case set state = 'checked', checked_by = %(by)s, checked_at = %(at)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = 'decided'

-- heard_case --
-- Somebody was heard at the counter: on record under a version of its own.
update desk_case set version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = 'taken' and taken_by = %(by)s

-- set_detail --
-- What the case knows more: who was heard, under a version of its own.
update desk_case set detail = %(detail)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = 'taken' and taken_by = %(by)s

-- send_back_case --
-- The verdict falls, and whoever has the case goes on.
update desk_case set state = 'taken', verdict = null, reason = null, words = null, basis = null, decided_by = null, decided_at = null,
    checked_by = null, checked_at = null, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = any(%(states)s)

-- end_case --
-- The case is over.
update desk_case set state = %(state)s, ended_at = %(at)s, version = version + 1
where book = %(book)s and id = %(id)s and version = %(version)s and state = any(%(states)s)

-- add_event --
-- What happened to it, under the version it has now.
insert into desk_event (book, file, no, at, actor, act, words)
select book, id, version, %(at)s, %(actor)s, %(act)s, %(words)s from desk_case where book = %(book)s and id = %(id)s

-- events --
-- What happened, in order.
select no, at, actor, act, words from desk_event where book = %(book)s and file = %(id)s order by no

-- queue --
-- What waits in a region of responsibility, the most urgent first.
select book, id, matter, region, state, person, applicant, signals, opened_at, due_on, papers_due_on, taken_by, decided_by, version
from desk_case
where ended_at is null and book between %(first)s and %(last)s and region like %(prefix)s || '%%' and state = any(%(states)s)
  and (%(matter)s::text = '' or matter = %(matter)s)
order by due_on, id limit %(most)s

-- open_of --
-- What is being decided about a person in one book.
select book, id, matter, region, state, person, applicant, signals, opened_at, due_on, papers_due_on, taken_by, decided_by, version
from desk_case where book = %(book)s and person = %(person)s and ended_at is null order by id

-- waiting_numbers --
-- How many cases of each matter wait in a region of responsibility, by state, and how many of them are late.
select matter, state, count(*)::int as many, count(*) filter (where coalesce(papers_due_on, due_on) < %(on)s)::int as late
from desk_case
where ended_at is null and book between %(first)s and %(last)s and region like %(prefix)s || '%%' and state = any(%(states)s)
group by matter, state

-- my_numbers --
-- What waits for one clerk in a region of responsibility, and what is late or due on the day, all of it counted.
select count(*) filter (where state in ('taken', 'asked_for_papers') and taken_by = %(me)s)::int as mine,
    count(*) filter (where state = 'decided' and decided_by <> %(me)s)::int as to_check,
    count(*) filter (where state = 'open')::int as unclaimed,
    count(*) filter (where coalesce(papers_due_on, due_on) < %(on)s)::int as late,
    count(*) filter (where coalesce(papers_due_on, due_on) = %(on)s)::int as due
from desk_case
where ended_at is null and book between %(first)s and %(last)s and region like %(prefix)s || '%%' and state = any(%(states)s)

-- decided_by_day --
-- The verdicts of some days in a region of responsibility that stand, by day.
select (decided_at at time zone 'Asia/Shanghai')::date as day, count(*) filter (where verdict = 'approved')::int as approved,
    count(*) filter (where verdict = 'refused')::int as refused
from desk_case
where book between %(first)s and %(last)s and region like %(prefix)s || '%%' and decided_at >= %(since)s
group by 1

-- charges --
-- A person's last settlements, newest first.
select s.id, s.settled_at, s.total, s.refunds, s.refunded_by, i.name as place
from settlement s join institution i on i.code = s.institution
where s.book = %(book)s and s.person = %(person)s order by s.id desc limit %(most)s

-- bookings --
-- What was booked on a person's purses outside of settlements, newest first.
select e.journal, e.kind, e.fen, e.business_date, j.cause from entry e join journal j on j.book = e.book and j.id = e.journal
where e.book = %(book)s and e.holder = %(holder)s and j.settlement is null order by e.recorded_at desc, e.journal desc limit %(most)s

-- add_applied --
-- A case from the applicant's side.
insert into desk_case_of (book, applicant, file) values (%(book)s, %(applicant)s, %(file)s)

-- applied --
-- What somebody applied for, newest first.
select file from desk_case_of where book = %(book)s and applicant = %(applicant)s order by file desc limit %(most)s

-- checked --
-- What two people agreed on and is not done yet.
select book, id from desk_case where state = 'checked' and ended_at is null order by book, due_on limit %(most)s

-- lapsing --
-- Where papers were asked for and the day is over.
select book, id, version from desk_case
where state = 'asked_for_papers' and ended_at is null and papers_due_on < %(on)s order by book, id limit %(most)s

-- books_with_waiting_aid --
-- The books in which an authorisation waits for the agency.
select distinct book from aid where status = 'pending' and waits_for = 'agency'

-- waiting_aid --
-- Authorisations that wait for the agency.
select id, receiver, giver_book, giver, relation from aid
where book = %(book)s and status = 'pending' and waits_for = 'agency' order by id limit %(most)s

-- books_with_reviews --
-- The books in which a request to bind waits for the agency.
select distinct book from family_request where state = 'review'

-- reviews --
-- Requests to bind that wait for the agency.
select id, binder, member_book, member, relation, why from family_request
where book = %(book)s and state = 'review' order by id limit %(most)s

-- reviewing --
-- Undecided cases about something that waits elsewhere and may have stopped waiting.
select id from desk_case
where ended_at is null and state in ('open', 'taken', 'asked_for_papers') and matter = any(%(matters)s) order by book, id limit %(most)s

-- bond --
-- A living family account.
select id, member, binder, relation, suspended_at from family_bond where book = %(book)s and id = %(id)s and ended_at is null

-- file_papers --
-- The papers of an application belong to the case that came of it.
update paper set file = %(file)s where book = %(book)s and about = %(about)s

-- places --
-- The papers of an application so far.
select place, file from paper where book = %(book)s and about = %(about)s

-- add_paper --
-- A paper in its place; nothing when another one took the place.
insert into paper (book, id, about, file, place, kind, person, given_by, name, key, picture, bytes, given_at)
values (%(book)s, %(id)s, %(about)s, %(file)s, %(place)s, %(kind)s, %(person)s, %(given_by)s, %(name)s, %(key)s, %(picture)s, %(bytes)s, %(at)s)
on conflict do nothing

-- papers_of --
-- Papers in the order they were given.
select id, kind, person, given_by, picture, bytes, given_at, deleted_at from paper where book = %(book)s and about = any(%(abouts)s) order by about, place

-- paper --
-- One paper.
select book, id, about, file, person, name, key from paper where book = %(book)s and id = %(id)s

-- add_seen --
-- Where a picture was seen.
insert into paper_seen (picture, paper, about, person) values (%(picture)s, %(paper)s, %(about)s, %(person)s)

-- picture_seen --
-- Everywhere this picture was seen.
select paper, about, person from paper_seen where picture = %(picture)s

-- add_link --
-- A link to look once.
insert into paper_link (hash, paper, reader, session, expires_at) values (%(hash)s, %(paper)s, %(reader)s, %(session)s, %(expires_at)s)

-- use_link --
-- Looking is one statement: of many at once one gets a row.
update paper_link set used_at = %(at)s
where hash = %(hash)s and reader = %(reader)s and session = %(session)s and used_at is null and expires_at > %(at)s
returning paper

-- drop_links --
-- Links that are long over.
delete from paper_link where expires_at < %(moment)s

-- books_with_papers --
-- The books that keep papers given before a moment.
select distinct book from paper where deleted_at is null and given_at < %(moment)s

-- papers_given_before --
-- Papers that may be old enough to go.
select id, about, file, name from paper where book = %(book)s and deleted_at is null and given_at < %(moment)s order by given_at limit 1000

-- papers_named --
-- Which of these files a living paper speaks of.
select name from paper where name = any(%(names)s) and deleted_at is null

-- case_end --
-- Whether and when a case ended.
select person, ended_at from desk_case where book = %(book)s and id = %(id)s

-- open_dispute --
-- Whether a person is in a dispute.
select id from desk_case
where book = %(book)s and person = %(person)s and matter in ('dispute_not_me', 'wrong_charge') and ended_at is null limit 1

-- delete_paper --
-- Without its key the file is noise.
update paper set key = null, deleted_at = %(at)s where book = %(book)s and id = %(id)s and deleted_at is null
