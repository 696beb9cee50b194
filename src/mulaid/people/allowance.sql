-- use_allowance --
-- Use up some of an allowance; nothing when that would be too much.
insert into allowance as a (name, span, used) values (%(name)s, %(span)s, %(many)s)
on conflict (name, span) do update set used = a.used + excluded.used where a.used + excluded.used <= %(most)s

-- allowance_used --
-- How much of an allowance is used.
select used from allowance where name = %(name)s and span = %(span)s

-- drop_allowances --
-- Days that are over.
delete from allowance where span < %(day)s
