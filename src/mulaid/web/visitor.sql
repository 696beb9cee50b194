-- open_session --
-- Somebody has signed in.
insert into web_session (book, id, person, assurance, channel, device, opened_at, seen_at, confirmed_at)
values (%(book)s, %(id)s, %(person)s, %(assurance)s, %(channel)s, %(device)s, %(at)s, %(at)s, %(confirmed)s)

-- session --
-- A session with the person's masked name.
select s.person, s.assurance, s.channel, s.opened_at, s.seen_at, s.confirmed_at, s.ended_at, p.shown, p.gender, p.born
from web_session s join person p on p.book = s.book and p.id = s.person where s.book = %(book)s and s.id = %(id)s

-- seen --
-- A session was used.
update web_session set seen_at = %(at)s where book = %(book)s and id = %(id)s and ended_at is null and seen_at < %(at)s

-- confirmed --
-- The person proved once more to be there.
update web_session set confirmed_at = %(at)s where book = %(book)s and id = %(id)s and ended_at is null

-- end_session --
-- One session of a person is over.
update web_session set ended_at = %(at)s where book = %(book)s and id = %(id)s and person = %(person)s and ended_at is null

-- end_others --
-- Every session of a person but one is over.
update web_session set ended_at = %(at)s where book = %(book)s and person = %(person)s and id <> %(id)s and ended_at is null

-- sessions --
-- Where a person is signed in, newest first.
select id, assurance, channel, device, opened_at, seen_at from web_session
where book = %(book)s and person = %(person)s and ended_at is null and seen_at > %(idle)s and opened_at > %(oldest)s order by id desc

-- made_up_people --
-- Everybody whose paper is of the area given to nobody, for the demonstration's chooser; ids sort by when they were registered.
select p.book, p.id, p.name, p.born, p.gender, e.region, e.base, e.status
from person p join lateral (
    select region, base, status from enrolment e where e.book = p.book and e.person = p.id and e.valid_from <= %(on)s
    order by valid_from desc limit 1) e on true
where p.died_on is null order by p.id limit %(most)s

-- link --
-- A host app's id belongs to a person; a later sign-in on the same phone takes it over.
insert into openid (blind, book, person, platform, linked_at) values (%(blind)s, %(book)s, %(person)s, %(platform)s, %(at)s)
on conflict (blind) do update set book = excluded.book, person = excluded.person, linked_at = excluded.linked_at

-- linked --
-- Whose a host app's id is.
select book, person from openid where blind = %(blind)s
