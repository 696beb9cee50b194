-- newest --
-- The last settlements and refunds of all books; ids sort by time. For the small demonstration only: it looks at every row.
select s.id, s.settled_at, s.total, s.refunds, s.refunded_by, i.name as place, p.shown,
       s.pool + s.supplement + s.serious as funds,
       s.current_year + s.account as own, s.household + s.aid + s.wallet as family, s.cash
from settlement s join institution i on i.code = s.institution join person p on p.book = s.book and p.id = s.person
order by s.id desc limit %(most)s

-- shown --
-- A person's masked name.
select shown from person where book = %(book)s and id = %(id)s

-- place --
-- An institution's name.
select name from institution where code = %(code)s
