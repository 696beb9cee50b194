-- certify --
-- A chronic or special disease that a person was certified for before this system knew them.
insert into chronic (book, id, person, disease, valid_from, certified_by, recorded_at)
values (%(book)s, %(id)s, %(person)s, %(disease)s, %(since)s, 'proof', %(at)s)

-- file_away --
-- A day of care away from home, filed before.
insert into remote_filing (book, id, person, kind, region, reason, valid_from, valid_to, promise_only, late, filed_at)
values (%(book)s, %(id)s, %(person)s, %(kind)s, %(region)s, %(reason)s, %(on)s, %(on)s, false, false, %(at)s)
