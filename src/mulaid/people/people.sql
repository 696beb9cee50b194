-- add_person --
-- A person's own row.
insert into person (book, id, shown, name, document_kind, document, gender, born)
values (%(book)s, %(id)s, %(shown)s, %(name)s, %(document_kind)s, %(document)s, %(gender)s, %(born)s)

-- add_document --
-- The directory entry; nothing when the document belongs to somebody already.
insert into person_by_document (blind, book, person) values (%(blind)s, %(book)s, %(person)s) on conflict do nothing

-- find_by_document --
-- Who has this document.
select book, person from person_by_document where blind = %(blind)s

-- person --
-- A person by id.
select book, id, shown, name, document_kind, document, gender, born, nation, died_on from person where book = %(book)s and id = %(id)s

-- lock_person --
-- The row that changes of a person's enrolment and relations queue behind.
select id from person where book = %(book)s and id = %(id)s for update

-- enrolment_on --
-- The stretch of enrolment in force on a day; nobody is enrolled after the day of death.
select valid_from, valid_to, scheme, region, base, psn_type, status, retired_on, family_doctor, staff_group, wage_base, flexible, inpatient_from
from enrolment e
where book = %(book)s and person = %(person)s and valid_from <= %(on)s and (valid_to is null or valid_to >= %(on)s)
    and not exists (select 1 from person p where p.book = e.book and p.id = e.person and p.died_on < %(on)s)
order by valid_from desc limit 1

-- close_enrolment --
-- End what is in force the day before a new stretch begins.
update enrolment set valid_to = %(last)s
where book = %(book)s and person = %(person)s and valid_from <= %(last)s and (valid_to is null or valid_to > %(last)s)

-- later_enrolment --
-- Whether a stretch begins on or after a day.
select valid_from from enrolment where book = %(book)s and person = %(person)s and valid_from >= %(since)s limit 1

-- add_enrolment --
-- A stretch of enrolment.
insert into enrolment (book, person, valid_from, valid_to, scheme, region, base, psn_type, status, retired_on, family_doctor, staff_group,
                       wage_base, flexible, inpatient_from)
values (%(book)s, %(person)s, %(valid_from)s, %(valid_to)s, %(scheme)s, %(region)s, %(base)s, %(psn_type)s, %(status)s, %(retired_on)s,
        %(family_doctor)s, %(staff_group)s, %(wage_base)s, %(flexible)s, %(inpatient_from)s)

-- drop_future_enrolment --
-- Stretches that have not begun give way to what is known now.
delete from enrolment where book = %(book)s and person = %(person)s and valid_from >= %(since)s and valid_from > %(today)s

-- newest_enrolment --
-- The last stretch that has begun by a day, in force or over.
select valid_from, valid_to, scheme, region, base, psn_type, status, retired_on, family_doctor, staff_group, wage_base, flexible, inpatient_from
from enrolment where book = %(book)s and person = %(person)s and valid_from <= %(on)s order by valid_from desc limit 1

-- enrolments --
-- Every stretch of a person, oldest first.
select valid_from, valid_to, scheme, region, base, psn_type, status, retired_on, family_doctor, staff_group, wage_base, flexible, inpatient_from
from enrolment where book = %(book)s and person = %(person)s order by valid_from

-- set_year --
-- The sums a person brings along from before.
insert into insured_year (book, person, year, in_policy, fund, supplement, deductible, admissions, inpatient_in_policy, inpatient_fund,
    disease_deductible, disease_fund, self_paid, serious, version)
values (%(book)s, %(person)s, %(year)s, %(in_policy)s, %(fund)s, %(supplement)s, %(deductible)s, %(admissions)s,
    %(inpatient_in_policy)s, %(inpatient_fund)s, %(disease_deductible)s, %(disease_fund)s, %(self_paid)s, %(serious)s, 1)

-- bond_lives --
-- Whether the family account a code was shown by is still the one it was.
select 1 as lives from family_bond where book = %(book)s and id = %(id)s and version = %(version)s and ended_at is null

-- revoke_codes --
-- A new code for the same presenter and person ends the one before.
update code set revoked_at = %(at)s where presenter = %(presenter)s and person = %(person)s and used_at is null and revoked_at is null

-- add_code --
-- A code, by its keyed hash only.
insert into code (hash, book, person, presenter_book, presenter, bond, bond_version, chosen, purpose, place, issued_at, expires_at)
values (%(hash)s, %(book)s, %(person)s, %(presenter_book)s, %(presenter)s, %(bond)s, %(bond_version)s, %(chosen)s, %(purpose)s,
        %(place)s, %(issued_at)s, %(expires_at)s)

-- use_code --
-- Use is one statement: of many readers at once exactly one gets a row.
update code set used_at = %(at)s, used_by = %(by)s
where hash = %(hash)s and used_at is null and revoked_at is null and expires_at > %(at)s
returning book, person, presenter, bond, bond_version, chosen

-- code --
-- What became of a code.
select used_at, used_by, revoked_at, expires_at from code where hash = %(hash)s

-- add_token --
-- What a code became at one institution.
insert into visit_token (hash, code, institution, operator, book, person, presenter, bond, bond_version, chosen, card, issued_at, expires_at)
values (%(hash)s, %(code)s, %(institution)s, %(operator)s, %(book)s, %(person)s, %(presenter)s, %(bond)s, %(bond_version)s, %(chosen)s,
        %(card)s, %(at)s, %(expires_at)s)

-- token --
-- A visit token.
select code, institution, operator, book, person, presenter, bond, bond_version, chosen, card, issued_at, expires_at from visit_token where hash = %(hash)s

-- say --
-- A message told to a person.
insert into message (book, id, person, about, text, channel, at)
values (%(book)s, %(id)s, %(person)s, %(about)s, %(text)s, %(channel)s, %(at)s)

-- token_of_code --
-- The token a code became.
select book, person, bond, bond_version, expires_at from visit_token where code = %(code)s

-- credential --
-- A person's credential.
select activated_at, activator, way, assurance, frozen_at, frozen_why, frozen_by from credential where book = %(book)s and person = %(person)s

-- issue_card --
-- A person's printed card; a new one takes the place of the one before, and what was spent today still counts.
insert into paper_card (book, person, hash, issued_by, bond, issued_at, expires_at)
values (%(book)s, %(person)s, %(hash)s, %(issued_by)s, %(bond)s, %(at)s, %(expires_at)s)
on conflict (book, person) do update set hash = excluded.hash, issued_by = excluded.issued_by, bond = excluded.bond,
    issued_at = excluded.issued_at, expires_at = excluded.expires_at, revoked_at = null

-- point_card --
-- The directory entry of a card.
insert into paper_card_of (hash, book, person) values (%(hash)s, %(book)s, %(person)s)

-- card_by_hash --
-- Whose card it is.
select book, person from paper_card_of where hash = %(hash)s

-- card --
-- A person's newest card, and whether the family account it was printed through still stands.
select c.hash, c.issued_by, c.issued_at, c.expires_at, c.revoked_at,
    c.bond is null or exists (select 1 from family_bond b where b.book = c.book and b.id = c.bond and b.ended_at is null) as bound
from paper_card c where c.book = %(book)s and c.person = %(person)s

-- revoke_card --
-- The card is worth nothing from now on; once.
update paper_card set revoked_at = %(at)s where book = %(book)s and person = %(person)s and revoked_at is null and expires_at > %(at)s
