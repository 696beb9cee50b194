-- listing_versions --
-- The newest version of each list.
select list, max(updated_on) as updated_on from catalogue_listing group by list

-- put_listing --
-- Entries as a file says them; those that are new or say something else now get its version.
insert into catalogue_listing as l (list, code, name, valid_from, valid_to, updated_on)
select given.list, given.code, given.name, given.valid_from, given.valid_to, %(version)s
from unnest(%(lists)s::text[], %(codes)s::text[], %(names)s::text[], %(firsts)s::date[], %(lasts)s::date[])
    as given(list, code, name, valid_from, valid_to)
on conflict (list, code, valid_from) do update
   set name = excluded.name, valid_to = excluded.valid_to, updated_on = excluded.updated_on
 where (l.name, l.valid_to) is distinct from (excluded.name, excluded.valid_to)
returning xmax = 0 as new

-- listing_overlaps --
-- Entries of the given codes that are in force on the same day.
select a.list, a.code, a.valid_from as earlier, b.valid_from as later
from catalogue_listing a join catalogue_listing b on b.list = a.list and b.code = a.code and b.valid_from > a.valid_from
where a.list = any(%(lists)s) and a.code = any(%(codes)s) and (a.valid_to is null or a.valid_to >= b.valid_from)
order by a.list, a.code, b.valid_from limit 20
