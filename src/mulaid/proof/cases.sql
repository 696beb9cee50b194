-- use_up --
-- Limits of an authorisation that a case says are used up before it begins; a limit it does not have stays none.
update aid set used = case when %(quota)s then quota else 0 end,
    month = date_trunc('month', %(on)s::date)::date, month_used = case when %(month)s then month_cap else 0 end,
    year = extract(year from %(on)s::date), year_used = case when %(year)s then year_cap else 0 end
where book = %(book)s and id = %(id)s

-- give_for --
-- What an authorisation may be used for.
update aid set uses = %(uses)s where book = %(book)s and id = %(id)s
