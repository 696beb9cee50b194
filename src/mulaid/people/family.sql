-- Statements of the family account: bonds, requests, consent, activation, face checks.

-- add_bond --
-- A family account; nothing when the pair is bound already.
insert into family_bond (book, id, member, binder, relation, bound_at, assurance, consent_due, channel)
values (%(book)s, %(id)s, %(member)s, %(binder)s, %(relation)s, %(at)s, %(assurance)s, %(consent_due)s, %(channel)s)
on conflict do nothing

-- add_given --
-- The same from the binder's side.
insert into family_given (book, binder, bond, member_book, member, relation, role, bound_at)
values (%(book)s, %(binder)s, %(bond)s, %(member_book)s, %(member)s, %(relation)s, %(role)s, %(at)s)

-- take_turn --
-- The row that binding for a person queues behind.
insert into family_turn (book, person, turn) values (%(book)s, %(person)s, 1)
on conflict (book, person) do update set turn = family_turn.turn + 1

-- given --
-- Everything a binder has bound, living and ended.
select bond, member_book, member, relation, role, bound_at, ended_at from family_given
where book = %(book)s and binder = %(binder)s order by bound_at, bond

-- bonds_of_member --
-- Everything a member was bound by, living and ended.
select book, id, member, binder, relation, bound_at, ended_at, assurance, consent_due, may_read, label, channel, suspended_at, version
from family_bond where book = %(book)s and member = %(member)s order by bound_at, id

-- bond --
-- One family account.
select book, id, member, binder, relation, bound_at, ended_at, assurance, consent_due, may_read, label, channel, suspended_at, version
from family_bond where book = %(book)s and id = %(id)s

-- bond_between --
-- The living family account by which one person may show the other's code.
select id, version, relation, assurance, consent_due, may_read, suspended_at from family_bond
where book = %(book)s and member = %(member)s and binder = %(binder)s and ended_at is null

-- end_bond --
-- The family account is over; its version moves, so that codes and tokens made by it die.
update family_bond set ended_at = %(at)s, ended_by = %(ended_by)s, ended_because = %(because)s, version = version + 1
where book = %(book)s and id = %(id)s and ended_at is null returning member, binder

-- end_given --
-- The same from the binder's side.
update family_given set ended_at = %(at)s where book = %(book)s and binder = %(binder)s and bond = %(bond)s

-- set_label --
-- The binder's own word for the member, sealed.
update family_bond set label = %(label)s where book = %(book)s and id = %(id)s

-- set_relation --
-- A corrected relation.
update family_bond set relation = %(relation)s where book = %(book)s and id = %(id)s

-- set_given_relation --
-- The same from the binder's side.
update family_given set relation = %(relation)s, role = %(role)s
where book = %(book)s and binder = %(binder)s and bond = %(bond)s

-- set_reading --
-- Whether the binder may read the member's costs.
update family_bond set may_read = %(may_read)s where book = %(book)s and id = %(id)s

-- suspend_bond --
-- Out of use during a dispute; the version moves, so that codes and tokens made by it die.
update family_bond set suspended_at = %(at)s, version = version + 1
where book = %(book)s and id = %(id)s and ended_at is null and suspended_at is null

-- resume_bond --
-- In use again.
update family_bond set suspended_at = null where book = %(book)s and id = %(id)s and ended_at is null and suspended_at is not null

-- renew_bond --
-- Consent was given anew; until when, and how surely the member was seen.
update family_bond set consent_due = %(consent_due)s, assurance = %(assurance)s
where book = %(book)s and id = %(id)s and ended_at is null

-- bonds_due --
-- Living bonds whose consent is to be asked anew by a day.
select book, id, member, binder, relation, bound_at, ended_at, assurance, consent_due, may_read, label, channel, suspended_at, version
from family_bond where book = %(book)s and ended_at is null and consent_due <= %(until)s order by consent_due, id

-- add_use --
-- What a binder did in a member's name.
insert into family_use (book, id, member, binder, bond, act, purpose, channel, place, code, at)
values (%(book)s, %(id)s, %(member)s, %(binder)s, %(bond)s, %(act)s, %(purpose)s, %(channel)s, %(place)s, %(code)s, %(at)s)

-- uses --
-- The last of it, of one binder or of all.
select binder, bond, act, purpose, channel, place, code, at from family_use
where book = %(book)s and member = %(member)s and (%(binder)s::uuid is null or binder = %(binder)s::uuid)
order by id desc limit %(most)s

-- codes_read --
-- Which of these codes were read, when and by whom.
select hash, used_at, used_by from code where hash = any(%(hashes)s)

-- bond_of_consent --
-- The bond a request came to.
select bond from family_request where book = %(book)s and id = %(id)s

-- kinship_between --
-- What one person is to another by the rows of a day.
select relation from kinship where book = %(book)s and person = %(person)s and other = %(other)s
and valid_from <= %(on)s and (valid_to is null or valid_to >= %(on)s) order by valid_from desc limit 1

-- add_consent --
-- An agreement, with the text as it was shown.
insert into consent (book, id, subject, purpose, giver, capacity, version, hash, letter, about, channel, place, at)
values (%(book)s, %(id)s, %(subject)s, %(purpose)s, %(giver)s, %(capacity)s, %(version)s, %(hash)s, %(letter)s, %(about)s,
        %(channel)s, %(place)s, %(at)s)

-- standing_consent --
-- Whether an agreement for a purpose stands.
select id from consent where book = %(book)s and subject = %(subject)s and purpose = %(purpose)s and withdrawn_at is null limit 1

-- consents --
-- Everything agreed to for a person.
select id, purpose, version, giver, capacity, about, at, withdrawn_at from consent
where book = %(book)s and subject = %(subject)s order by id desc

-- consent --
-- One agreement.
select id, subject, purpose, version, giver, capacity, letter, about, at, withdrawn_at from consent
where book = %(book)s and id = %(id)s

-- withdraw_consent --
-- Taken back, once.
update consent set withdrawn_at = %(at)s where book = %(book)s and id = %(id)s and withdrawn_at is null

-- add_face_check --
-- A face check that no provider has been asked for yet.
insert into face_check (book, id, asker, purpose, about, subject, state, begun_at)
values (%(book)s, %(id)s, %(asker)s, %(purpose)s, %(about)s, %(subject)s, 'begun', %(at)s)

-- face_check --
-- One face check.
select id, asker, purpose, about, subject, state, provider, provider_ref, assurance, binds_number,
  finished_at, used_at from face_check
where book = %(book)s and id = %(id)s

-- face_sent --
-- The provider took it.
update face_check set state = 'sent', provider = %(provider)s, provider_ref = %(provider_ref)s, assurance = %(assurance)s,
  expires_at = %(expires_at)s, binds_number = %(binds_number)s
where book = %(book)s and id = %(id)s and asker = %(asker)s and state = 'begun'

-- face_finished --
-- The provider's result, once.
update face_check set state = %(state)s, problem = %(problem)s, score = %(score)s, provider_txn = %(provider_txn)s, finished_at = %(at)s
where book = %(book)s and id = %(id)s and state = 'sent'

-- use_face --
-- A pass is spent by one statement: of many one wins.
update face_check set used_at = %(at)s where book = %(book)s and id = %(id)s and state = 'passed' and used_at is null

-- first_failed_face --
-- When a matter's first face check failed.
select finished_at as at from face_check
where book = %(book)s and about = %(about)s and state in ('failed', 'expired') order by id limit 1

-- add_request --
-- A request to bind; nothing when one for the same pair is open.
insert into family_request (book, id, binder, member_book, member, relation, route, state, kinship, birth, limits, channel, asked_at, lapses_at)
values (%(book)s, %(id)s, %(binder)s, %(member_book)s, %(member)s, %(relation)s, %(route)s, 'asked', %(kinship)s, %(birth)s, %(limits)s,
        %(channel)s, %(at)s, %(lapses_at)s) on conflict do nothing

-- invite --
-- The same from the member's side.
insert into family_invited (book, member, request_book, request, at)
values (%(book)s, %(member)s, %(request_book)s, %(request)s, %(at)s) on conflict do nothing

-- invitations --
-- Requests a person is or was asked for, the newest first.
select request_book, request from family_invited where book = %(book)s and member = %(member)s order by request desc limit %(most)s

-- request --
-- One request.
select book, id, binder, member_book, member, relation, route, state, kinship, birth, limits, promise, consent, face, assurance, why, said,
  channel, asked_at, lapses_at, done_at, bond, version
from family_request where book = %(book)s and id = %(id)s

-- lock_request --
-- One request, held: its steps come one after the other.
select book, id, binder, member_book, member, relation, route, state, kinship, birth, limits, promise, consent, face, assurance, why, said,
  channel, asked_at, lapses_at, done_at, bond, version
from family_request where book = %(book)s and id = %(id)s for update

-- requests_of --
-- A binder's requests, the newest first.
select book, id, binder, member_book, member, relation, route, state, kinship, birth, limits, promise, consent, face, assurance, why, said,
  channel, asked_at, lapses_at, done_at, bond, version
from family_request where book = %(book)s and binder = %(binder)s order by id desc limit %(most)s

-- set_request --
-- A request after a step.
update family_request set state = %(state)s, member_book = %(member_book)s, member = %(member)s, kinship = %(kinship)s, birth = %(birth)s,
  promise = %(promise)s, consent = %(consent)s, face = %(face)s, assurance = %(assurance)s, why = %(why)s, said = %(said)s,
  done_at = %(done_at)s, bond = %(bond)s, version = version + 1
where book = %(book)s and id = %(id)s

-- lapsing --
-- Open requests of a book whose time is over; the agency's are its own business.
select id from family_request
where book = %(book)s and state in ('asked', 'found', 'papers', 'consent', 'face') and lapses_at <= %(at)s order by lapses_at limit %(most)s

-- add_paper --
-- A picture handed in with a request.
insert into family_paper (book, request, evidence, paper) values (%(book)s, %(request)s, %(evidence)s, %(paper)s) on conflict do nothing

-- papers --
-- The pictures of a request.
select evidence, paper from family_paper where book = %(book)s and request = %(request)s order by paper, evidence

-- add_credential --
-- A credential comes to life, once; nothing when it has.
insert into credential (book, person, activated_at, activator, way, assurance)
values (%(book)s, %(person)s, %(at)s, %(activator)s, %(way)s, %(assurance)s) on conflict do nothing

-- freeze --
-- Out of use until thawed; codes already shown are refused when read.
update credential set frozen_at = %(at)s, frozen_why = %(why)s, frozen_by = %(by)s
where book = %(book)s and person = %(person)s and frozen_at is null

-- thaw --
-- In use again.
update credential set frozen_at = null, frozen_why = '', frozen_by = null
where book = %(book)s and person = %(person)s and frozen_at is not null

-- revoke_shown --
-- Codes the person was about to show for others.
update code set revoked_at = %(at)s where presenter = %(person)s and used_at is null and revoked_at is null

-- end_shown --
-- What such codes have become at institutions, and the person's own whoever showed it: settlements ask the token alone.
update visit_token set expires_at = %(at)s where (presenter = %(person)s or person = %(person)s) and expires_at > %(at)s

-- insured_on --
-- Area and status of a person on a day.
select e.region, e.status, p.died_on from enrolment e join person p on p.book = e.book and p.id = e.person
where e.book = %(book)s and e.person = %(person)s and e.valid_from <= %(on)s and (e.valid_to is null or e.valid_to >= %(on)s)
order by e.valid_from desc limit 1

-- last_area --
-- Where a person is or was last enrolled.
select region from enrolment where book = %(book)s and person = %(person)s and valid_from <= %(on)s order by valid_from desc limit 1

-- books_lapsing --
-- Books with open requests whose time is over.
select distinct book from family_request
where state in ('asked', 'found', 'papers', 'consent', 'face') and lapses_at <= %(at)s

-- books_to_remind --
-- Books with bonds whose consent is to be asked anew by a day and whose people were not told yet.
select distinct book from family_bond where ended_at is null and consent_due <= %(until)s and reminded is distinct from consent_due

-- to_remind --
-- Those bonds of one book.
select id, member, binder, consent_due from family_bond
where book = %(book)s and ended_at is null and consent_due <= %(until)s and reminded is distinct from consent_due
order by consent_due, id limit %(most)s

-- reminded --
-- They were told.
update family_bond set reminded = consent_due where book = %(book)s and id = %(id)s and reminded is distinct from consent_due

-- document --
-- Who has a paper.
select book, person from person_by_document where blind = %(blind)s
