-- add_filing --
-- Care away from home, as filed.
insert into remote_filing (book, id, person, kind, region, reason, valid_from, valid_to, promise_only, papers_due, evidence, late, filed_at)
values (%(book)s, %(id)s, %(person)s, %(kind)s, %(region)s, %(reason)s, %(valid_from)s, %(valid_to)s, %(promise_only)s, %(papers_due)s,
        %(evidence)s, %(late)s, %(at)s)

-- filings --
-- Every filing of a person, newest first.
select id, kind, region, reason, valid_from, valid_to, promise_only, papers_due, evidence, late, filed_at, ended_on, version
from remote_filing where book = %(book)s and person = %(person)s order by valid_from desc, filed_at desc

-- filing --
-- One filing.
select id, person, kind, region, reason, valid_from, valid_to, promise_only, papers_due, evidence, late, filed_at, ended_on, version
from remote_filing where book = %(book)s and id = %(id)s for update

-- living_filings --
-- The filings of a kind that are in force on a day or will be.
select id, region from remote_filing
where book = %(book)s and person = %(person)s and kind = %(kind)s and (ended_on is null or ended_on > %(on)s)
  and (valid_to is null or valid_to >= %(on)s)

-- end_filing --
-- Not in force from a day on.
update remote_filing set ended_on = %(on)s, version = version + 1
where book = %(book)s and id = %(id)s and (ended_on is null or ended_on > %(on)s)

-- papers_came --
-- What was promised has been handed in: valid until changed.
update remote_filing set promise_only = false, papers_due = null, valid_to = null, evidence = %(evidence)s, version = version + 1
where book = %(book)s and id = %(id)s and promise_only

-- add_chronic --
-- A disease a person is certified for.
insert into chronic (book, id, person, disease, valid_from, valid_to, certified_by, evidence, recorded_at)
values (%(book)s, %(id)s, %(person)s, %(disease)s, %(valid_from)s, %(valid_to)s, %(certified_by)s, %(evidence)s, %(at)s)

-- overlapping --
-- A certificate of the same disease for some of the same days.
select id from chronic where book = %(book)s and person = %(person)s and disease = %(disease)s
  and (valid_to is null or valid_to >= %(first)s) and (%(last)s::date is null or valid_from <= %(last)s) limit 1

-- certificates --
-- Every certificate of a person, newest first.
select id, disease, valid_from, valid_to, certified_by, evidence, recorded_at, version from chronic
where book = %(book)s and person = %(person)s order by valid_from desc, id desc

-- end_certificate --
-- The last day of a certificate that runs longer.
update chronic set valid_to = %(last)s, version = version + 1
where book = %(book)s and id = %(id)s and person = %(person)s and valid_from <= %(last)s and (valid_to is null or valid_to > %(last)s)
