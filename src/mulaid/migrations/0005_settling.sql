-- The settlement path in two calls. `settlement_gather` brings everything the law needs to know; Python decides;
-- `settlement_record` carries the decision out, all of it or nothing. Neither holds a rule of the law.
set local search_path = mulaid, public;

-- A giver's side of an authorisation as one line of fields joined by `|`, in the order that mulaid.settlement.pay reads: text that is
-- cheap to make here and to read there. Nulls are empty. `suspended` is looked up outside, because PostgreSQL folds a function into
-- its caller only where it asks no table.
create function giver_line(
    a mulaid.aid, shown text, died_on date, e mulaid.enrolment, own mulaid.purse, current_year bigint, suspended date, p_on date, p_day date,
    chosen uuid)
    returns text language sql stable
as $$
    select concat(
        a.id, '|', a.giver, '|', shown, '|', a.relation, '|', e.region, '|', case when died_on <= p_on then 'ended' else e.status end, '|',
        a.filed_at at time zone 'Asia/Shanghai', '|', a.bound_at at time zone 'Asia/Shanghai', '|',
        coalesce(own.balance, 0), '|', coalesce(current_year, 0), '|',
        suspended, '|',
        a.quota - a.used, '|', a.settlement_cap, '|', a.rank, '|', array_to_string(a.uses, ','), '|', e.staff_group, '|', a.valid_to, '|',
        a.id = chosen, '|', a.giver_book, '|', coalesce(own.last_no, 0), '|', a.version, '|', coalesce(own.frozen, 0), '|',
        a.month_cap - case when a.month = date_trunc('month', p_day)::date then a.month_used else 0 end, '|',
        a.year_cap - case when a.year = extract(year from p_day) then a.year_used else 0 end, '|',
        case when a.day = p_day then a.day_used else 0 end, '|', a.reserve, '|', a.paused)
$$;

-- problem: null, or the code of a refusal the facts themselves show; problem_fact fills its words.
-- One book a statement, because a cluster refuses joins and locks over several books: the patient's first, then each giver's.
-- portions, givers and wallets: one line each, fields joined by `|`.
create function settlement_gather(
    p_home integer, p_door text, p_caller text, p_key text,
    p_book integer, p_person uuid, p_visit uuid, p_batch text, p_institution text, p_on date,
    p_token bytea, p_at timestamptz, p_lock boolean, p_area text, p_year_begins text,
    out stored boolean, out nonce text, out problem text, out problem_fact text,
    out service_date date, out year smallint, out portions text, out givers text, out wallets text,
    out frozen bigint, out wallet bigint, out wallet_no bigint, out household uuid, out household_book integer, out household_seat uuid,
    out household_version integer, out household_head text, out household_balance bigint, out household_no bigint, out disease_held boolean,
    out filing text,
    out region text, out base text, out status text, out retired_on date, out family_doctor boolean,
    out account bigint, out current_year bigint, out in_policy bigint, out fund bigint, out supplement bigint, out deductible bigint,
    out admissions smallint, out inpatient_in_policy bigint, out inpatient_fund bigint, out disease_deductible bigint, out disease_fund bigint,
    out self_paid bigint, out serious bigint, out stay_in_policy bigint,
    out deducted boolean, out year_version bigint, out own_no bigint, out current_no bigint,
    out name bytea, out document bytea, out document_kind text, out gender text, out nation text, out born date,
    out insutype text, out psn_type text, out med_type text, out presenter uuid, out visit_version integer, out use text, out disease text,
    out card bytea, out card_used bigint)
    language plpgsql
as $$
declare
    v record; t record; g record; a mulaid.aid; chosen uuid; line text; elsewhere integer; has_wallets boolean; owes_papers boolean;
    today date := (p_at at time zone 'Asia/Shanghai')::date;
begin
    if p_key is not null then
        select c.nonce into nonce from mulaid.command c where c.book = p_home and c.door = p_door and c.caller = p_caller and c.key = p_key;
        stored := found;
        if stored then return; end if;
    end if;
    service_date := p_on;
    if p_visit is not null then
        select x.person, x.institution, x.cancelled_at, x.begun_on, x.ended_on, x.version, x.presenter, x.chosen, x.med_type, x.use, x.disease, x.card,
               (select s.id from mulaid.settlement s where s.book = p_book and s.visit = p_visit and s.batch = p_batch
                   and s.refunds is null and s.refunded_by is null) as live,
               (select string_agg(concat(f.tag, '|', f.a, '|', f.b, '|', f.c, '|', f.d), E'\n' order by f.tag)
                  from (select l.tag, sum(l.in_policy) a, sum(l.upfront) b, sum(l.over_limit) c, sum(l.self_funded) d from mulaid.fee_line l
                         where l.book = p_book and l.visit = p_visit and l.batch = p_batch group by l.tag) f) as lines
          into v from mulaid.visit x where x.book = p_book and x.id = p_visit;
        if not found then problem := 'visit.unknown'; return; end if;
        if v.institution <> p_institution then problem := 'visit.other_institution'; return; end if;
        if v.person <> p_person then problem := 'visit.other_person'; return; end if;
        if v.cancelled_at is not null then problem := 'visit.cancelled'; return; end if;
        if v.live is not null then problem := 'settlement.already'; problem_fact := v.live; return; end if;
        if v.lines is null then problem := 'settlement.no_lines'; return; end if;
        -- A stay belongs to the day it ends; a bill made before that day, to the day of the bill.
        -- When cover ended during the stay, to the last day that was covered: what began insured is settled as it began, by that year's
        -- sums and values, instead of leaving the hospital with a bill that nobody can settle.
        service_date := case when v.use = 'inpatient' then coalesce(v.ended_on, today) else v.begun_on end;
        if v.use = 'inpatient' then
            select coalesce(max(least(e.valid_to, x.died_on, service_date)), service_date) into service_date
              from mulaid.enrolment e join mulaid.person x on x.book = e.book and x.id = e.person
             where e.book = p_book and e.person = p_person and e.valid_from <= least(x.died_on, service_date)
               and least(e.valid_to, x.died_on, service_date) >= v.begun_on;
        end if;
        presenter := v.presenter; chosen := v.chosen; med_type := v.med_type; visit_version := v.version; use := v.use; disease := v.disease;
        card := v.card;
        portions := v.lines;
    end if;
    if p_token is not null then
        select * into t from mulaid.visit_token x where x.hash = p_token;
        if not found or t.institution <> p_institution or t.person <> p_person then problem := 'credential.bad_token'; return; end if;
        if t.expires_at <= p_at then problem := 'credential.token_expired'; return; end if;
        if t.bond is not null then
            perform 1 from mulaid.family_bond b
              where b.book = t.book and b.id = t.bond and b.version = t.bond_version and b.ended_at is null;
            if not found then problem := 'credential.bond_ended'; return; end if;
        end if;
        presenter := t.presenter; chosen := coalesce(t.chosen, chosen);
        -- A code that is shown at the till frees a visit from the card it was registered with.
        card := case when t.card then t.code end;
    end if;
    -- A year is named after the calendar year it begins in; the caller says on which month and day (`mm-dd`) it does.
    year := extract(year from service_date) - case when to_char(service_date, 'MM-DD') < p_year_begins then 1 else 0 end;
    if p_lock then
        perform 1 from mulaid.insured_year x
          where x.book = p_book and x.person = p_person and x.year = settlement_gather.year for update;
        -- In the order in which everybody takes purses, so that two families who pay for each other cannot wait for each other.
        for g in
            select p_book as book, p_person as holder, own_kind as kind from unnest(array[1, 2]) as own_kind
            union select x.giver_book, x.giver, 1 from mulaid.aid x
                   where x.book = p_book and x.receiver = p_person and x.status = 'active'
            union select x.giver_book, x.giver, 1 from mulaid.wallet_grant x
                   where x.book = p_book and x.receiver = p_person and x.status = 'active'
            union select x.household_book, x.household, 3 from mulaid.household_member x
                   where x.book = p_book and x.person = p_person and x.left_on is null
            order by 1, 2, 3
        loop
            perform 1 from mulaid.purse x where x.book = g.book and x.holder = g.holder and x.kind = g.kind for update;
        end loop;
    end if;
    if card is not null then
        select case when c.day = today then c.day_used else 0 end into card_used from mulaid.paper_card c
         where c.book = p_book and c.person = p_person and c.hash = card and c.revoked_at is null and c.expires_at > p_at
           and (c.bond is null or exists (select 1 from mulaid.family_bond b where b.book = c.book and b.id = c.bond and b.ended_at is null))
           and exists (select 1 from mulaid.credential k where k.book = c.book and k.person = c.person and k.frozen_at is null);
        if not found then problem := 'credential.card_ended'; return; end if;
    end if;
    select x.name, x.document, x.document_kind, x.gender, x.nation, x.born,
           e.scheme, e.psn_type, e.region, e.base,
           -- A first enrolment may cover visits at once and stays in hospital only later.
           case when settlement_gather.use = 'inpatient' and settlement_gather.service_date < e.inpatient_from and e.status = 'normal'
                then 'lapsed_waiting' else e.status end,
           e.retired_on, e.family_doctor,
           coalesce(own.balance, 0), coalesce(own.last_no, 0), coalesce(own.frozen, 0), coalesce(cur.balance, 0), coalesce(cur.last_no, 0),
           coalesce(wal.balance, 0), coalesce(wal.last_no, 0), seat.household, seat.household_book, seat.id, seat.version,
           coalesce(y.in_policy, 0), coalesce(y.fund, 0), coalesce(y.supplement, 0), coalesce(y.deductible, 0), coalesce(y.version, 0),
           coalesce(y.admissions, 0), coalesce(y.inpatient_in_policy, 0), coalesce(y.inpatient_fund, 0),
           coalesce(y.disease_deductible, 0), coalesce(y.disease_fund, 0), coalesce(y.self_paid, 0), coalesce(y.serious, 0),
           exists (select 1 from mulaid.settlement s
                    where s.book = p_book and s.person = p_person and s.service_date = settlement_gather.service_date
                      and s.institution = p_institution and s.deductible > 0 and s.refunded_by is null),
           exists (select 1 from mulaid.wallet_grant w where w.book = p_book and w.receiver = p_person and w.status = 'active'),
           exists (select 1 from mulaid.remote_filing f
                    where f.book = p_book and f.person = p_person and f.promise_only and f.kind = 'long_term'
                      and f.valid_from <= settlement_gather.service_date and f.valid_to >= settlement_gather.service_date
                      and (f.ended_on is null or f.ended_on > settlement_gather.service_date))
      into name, document, document_kind, gender, nation, born, insutype, psn_type, region, base, status, retired_on, family_doctor,
           account, own_no, frozen, current_year, current_no, wallet, wallet_no,
           household, household_book, household_seat, household_version, in_policy, fund, supplement, deductible, year_version,
           admissions, inpatient_in_policy, inpatient_fund, disease_deductible, disease_fund, self_paid, serious, deducted, has_wallets,
           owes_papers
      from mulaid.person x
      left join mulaid.enrolment e on e.book = p_book and e.person = p_person and e.valid_from <= settlement_gather.service_date
                                  and (e.valid_to is null or e.valid_to >= settlement_gather.service_date)
                                  and (x.died_on is null or x.died_on >= settlement_gather.service_date)
      left join mulaid.purse own on own.book = p_book and own.holder = p_person and own.kind = 1
      left join mulaid.purse cur on cur.book = p_book and cur.holder = p_person and cur.kind = 2
      left join mulaid.purse wal on wal.book = p_book and wal.holder = p_person and wal.kind = 4
      left join mulaid.household_member seat on seat.book = p_book and seat.person = p_person and seat.left_on is null
      left join mulaid.insured_year y on y.book = p_book and y.person = p_person
                                     and y.year = settlement_gather.year
     where x.book = p_book and x.id = p_person;
    if region is null then problem := 'people.not_enrolled'; problem_fact := service_date; return; end if;
    if use = 'inpatient' then
        select count(*) > 0, coalesce(sum(s.counted), 0) into deducted, stay_in_policy from mulaid.settlement s
          where s.book = p_book and s.visit = p_visit and s.refunds is null and s.refunded_by is null;
    end if;
    if disease <> '' then
        disease_held := exists (select 1 from mulaid.chronic c
                                 where c.book = p_book and c.person = p_person and c.disease = settlement_gather.disease
                                   and c.valid_from <= service_date and (c.valid_to is null or c.valid_to >= service_date));
    end if;
    if left(p_area, 4) <> left(region, 4) then  -- within one city nobody has to file
        -- The narrowest filing that covers the place of care.
        select f.kind into filing from mulaid.remote_filing f
          where f.book = p_book and f.person = p_person and f.valid_from <= service_date
            and (f.valid_to is null or f.valid_to >= service_date) and (f.ended_on is null or f.ended_on > service_date)
            and f.region in (p_area, left(p_area, 4) || '00', left(p_area, 2) || '0000', '000000')
          order by case f.region when p_area then 0 when left(p_area, 4) || '00' then 1 when '000000' then 3 else 2 end, f.valid_from desc
          limit 1;
    elsif owes_papers then
        filing := 'papers_owed';  -- benefits hold at the filed place only, until the papers come (policy N9e)
    end if;
    if household is not null then
        select x.balance, x.last_no into household_balance, household_no from mulaid.purse x
          where x.book = household_book and x.holder = household and x.kind = 3;
        select p.shown into household_head from mulaid.household h join mulaid.person p on p.book = h.book and p.id = h.head
          where h.book = household_book and h.id = household;
    end if;
    if has_wallets then
        for g in select * from mulaid.wallet_grant x where x.book = p_book and x.receiver = p_person and x.status = 'active' order by x.id loop
            select concat(g.id, '|', g.giver, '|', p.shown, '|', g.relation, '|', g.giver_region, '|', g.quota - g.used, '|',
                          g.opened_at at time zone 'Asia/Shanghai', '|', array_to_string(g.uses, ','), '|', g.valid_to, '|',
                          g.giver_book, '|', g.version)
              into line from mulaid.person p where p.book = g.giver_book and p.id = g.giver;
            wallets := concat_ws(E'\n', wallets, line);
        end loop;
    end if;
    -- Givers of the patient's own book in one look, all others one by one.
    select coalesce(string_agg(case when x.giver_book = p_book then
                    mulaid.giver_line(
                        x, p.shown, p.died_on, e, own, cur.balance,
                        (select min(z.valid_from) from mulaid.enrolment z
                          where z.book = p_book and z.person = x.giver and z.status = 'suspended'
                            and z.valid_from >= (x.bound_at at time zone 'Asia/Shanghai')::date),
                        settlement_gather.service_date, today, chosen)
               end, E'\n' order by x.id), ''),
           max(case when x.giver_book <> p_book then 1 else 0 end)
      into givers, elsewhere
      from mulaid.aid x
      left join mulaid.person p on p.book = p_book and p.id = x.giver
      left join mulaid.enrolment e on e.book = p_book and e.person = x.giver and e.valid_from <= settlement_gather.service_date
                                  and (e.valid_to is null or e.valid_to >= settlement_gather.service_date)
      left join mulaid.purse own on own.book = p_book and own.holder = x.giver and own.kind = 1
      left join mulaid.purse cur on cur.book = p_book and cur.holder = x.giver and cur.kind = 2
     where x.book = p_book and x.receiver = p_person and x.status = 'active' and (x.giver_book <> p_book or e.person is not null);
    if elsewhere = 1 then
        for a in select * from mulaid.aid x
                  where x.book = p_book and x.receiver = p_person and x.status = 'active' and x.giver_book <> p_book order by x.id
        loop
            select mulaid.giver_line(
                    a, p.shown, p.died_on, e, own, cur.balance,
                    (select min(z.valid_from) from mulaid.enrolment z
                      where z.book = a.giver_book and z.person = a.giver and z.status = 'suspended'
                        and z.valid_from >= (a.bound_at at time zone 'Asia/Shanghai')::date),
                    settlement_gather.service_date, today, chosen)
              into line
              from mulaid.person p
              join mulaid.enrolment e on e.book = a.giver_book and e.person = a.giver and e.valid_from <= settlement_gather.service_date
                                     and (e.valid_to is null or e.valid_to >= settlement_gather.service_date)
              left join mulaid.purse own on own.book = a.giver_book and own.holder = a.giver and own.kind = 1
              left join mulaid.purse cur on cur.book = a.giver_book and cur.holder = a.giver and cur.kind = 2
             where p.book = a.giver_book and p.id = a.giver;
            if found then givers := concat_ws(E'\n', nullif(givers, ''), line); end if;
        end loop;
    end if;
end $$;

-- Carries out a decision. Returns 'done', or 'known' when the key is already answered. Anything that has moved since gather raises
-- ML001 with the name of what moved, and nothing is left behind. Draws come in (book, holder, kind) order; a draw outside the
-- patient's book gets a journal of its own there over a clearing leg. Purses are taken last: a lock held on a busy account ends
-- with the commit. An authorisation's version moves when it ends, so a version that holds is one that is active.
create function settlement_record(
    p_home integer, p_door text, p_caller text, p_key text, p_hash bytea, p_answer bytea, p_nonce text,
    p_book integer, p_id uuid, p_visit uuid, p_new_visit boolean, p_visit_version integer, p_person uuid, p_institution text,
    p_infno text, p_msgid text, p_batch text, p_number text, p_insutype text, p_med_type text,
    p_on date, p_day date, p_at timestamptz, p_amounts bigint[], p_facts text, p_steps text, p_packs text,
    p_year smallint, p_year_version bigint, p_added bigint[], p_presenter uuid, p_actor text, p_audit uuid, p_news uuid,
    p_accounts text[], p_fens bigint[], p_kinds text[],
    p_draw_books integer[], p_draw_holders uuid[], p_draw_kinds smallint[], p_draw_fens bigint[], p_draw_keeps bigint[],
    p_draw_nos bigint[], p_draw_thaws bigint[], p_draw_causes text[], p_draw_journals uuid[],
    p_aids uuid[], p_aid_versions integer[], p_aid_fens bigint[], p_seat uuid, p_seat_version integer,
    p_wallets uuid[], p_wallet_versions integer[], p_wallet_fens bigint[], p_wallet_draws uuid[], p_wallet_journals uuid[],
    p_card bytea, p_card_fen bigint, p_card_cap bigint) returns text
    language plpgsql
as $$
declare
    journals uuid[] := array[p_id]; books integer[] := array[p_book];
    i integer; held integer; nos bigint[] := '{}'; balances bigint[] := '{}'; no_after bigint; left_after bigint;
begin
    insert into mulaid.command (book, door, caller, key, body_hash, answer, refused, subject, nonce, at)
    values (p_home, p_door, p_caller, p_key, p_hash, p_answer, false, p_id, p_nonce, p_at) on conflict do nothing;
    if not found then return 'known'; end if;
    if p_new_visit then
        insert into mulaid.visit (book, id, person, institution, use, number, begun_on, insutype, med_type, presenter, card, opened_at)
        values (p_book, p_visit, p_person, p_institution, 'pharmacy', p_number, p_on, p_insutype, p_med_type, p_presenter, p_card, p_at);
    else
        perform 1 from mulaid.visit v where v.book = p_book and v.id = p_visit and v.version = p_visit_version and v.cancelled_at is null for share;
        if not found then raise exception 'visit' using errcode = 'ML001'; end if;
    end if;
    insert into mulaid.insured_year as y (book, person, year, in_policy, fund, supplement, deductible, admissions, inpatient_in_policy,
                                          inpatient_fund, disease_deductible, disease_fund, self_paid, serious, version)
    values (p_book, p_person, p_year, p_added[1], p_added[2], p_added[3], p_added[4], p_added[5], p_added[6], p_added[7], p_added[8],
            p_added[9], p_added[10], p_added[11], 1)
    on conflict (book, person, year) do update
       set in_policy = y.in_policy + excluded.in_policy, fund = y.fund + excluded.fund, supplement = y.supplement + excluded.supplement,
           deductible = y.deductible + excluded.deductible, admissions = y.admissions + excluded.admissions,
           inpatient_in_policy = y.inpatient_in_policy + excluded.inpatient_in_policy,
           inpatient_fund = y.inpatient_fund + excluded.inpatient_fund,
           disease_deductible = y.disease_deductible + excluded.disease_deductible, disease_fund = y.disease_fund + excluded.disease_fund,
           self_paid = y.self_paid + excluded.self_paid, serious = y.serious + excluded.serious, version = y.version + 1
     where y.version = p_year_version;
    if not found then raise exception 'insured_year' using errcode = 'ML001'; end if;
    for i in 1 .. coalesce(cardinality(p_draw_books), 0) loop
        if p_draw_books[i] <> p_book then
            insert into mulaid.journal (book, id, cause, accounts, fens, kinds, settlement, business_date, recorded_at)
            values (p_draw_books[i], p_draw_journals[i], 'settlement',
                    array['purse:' || p_draw_holders[i] || ':' || p_draw_kinds[i], 'clearing:' || p_book],
                    array[-p_draw_fens[i], p_draw_fens[i]], array[p_draw_causes[i], 'clearing'], p_id, p_day, p_at);
            journals := journals || p_draw_journals[i]; books := books || p_draw_books[i];
        end if;
    end loop;
    insert into mulaid.journal (book, id, cause, accounts, fens, kinds, settlement, business_date, recorded_at)
    values (p_book, p_id, 'settlement', p_accounts, p_fens, p_kinds, p_id, p_day, p_at);
    insert into mulaid.settlement (book, id, visit, person, institution, infno, msgid, batch, service_date, year, business_date, settled_at,
                            total, pool, supplement, serious, current_year, account, household, aid, wallet, cash, deductible, counted,
                            self_paid, added, facts, steps, packs, journals, journal_books, presenter)
    values (p_book, p_id, p_visit, p_person, p_institution, p_infno, p_msgid, p_batch, p_on, p_year, p_day, p_at,
            p_amounts[1], p_amounts[2], p_amounts[3], p_amounts[10], p_amounts[4], p_amounts[5], p_amounts[11], p_amounts[6], p_amounts[12],
            p_amounts[7], p_amounts[8], p_amounts[9], p_amounts[13], p_added, p_facts::json, p_steps::json, p_packs::json, journals, books, p_presenter);
    insert into mulaid.audit (book, id, at, actor, act, subject, behalf_of, purpose, place)
    values (p_book, p_audit, p_at, p_actor, 'settle', p_id, p_person, p_infno, p_institution);
    insert into mulaid.outbox (book, id, at, topic, body) values (p_book, p_news, p_at, 'settled', json_build_object('settlement', p_id));
    if cardinality(p_aids) > 0 then
        -- Held until the commit: who ends an authorisation waits for this settlement, or this settlement for the end.
        update mulaid.aid a
           set used = a.used + d.fen,
               month = date_trunc('month', p_day)::date,
               month_used = case when a.month = date_trunc('month', p_day)::date then a.month_used else 0 end + d.fen,
               year = extract(year from p_day),
               year_used = case when a.year = extract(year from p_day) then a.year_used else 0 end + d.fen,
               day = p_day,
               day_used = case when a.day = p_day then a.day_used else 0 end + d.fen
          from unnest(p_aids, p_aid_versions, p_aid_fens) as d(id, version, fen)
         where a.book = p_book and a.id = d.id and a.version = d.version and a.used + d.fen <= coalesce(a.quota, a.used + d.fen)
           and (a.month_cap is null or case when a.month = date_trunc('month', p_day)::date then a.month_used else 0 end + d.fen <= a.month_cap)
           and (a.year_cap is null or case when a.year = extract(year from p_day) then a.year_used else 0 end + d.fen <= a.year_cap);
        get diagnostics held = row_count;
        if held <> cardinality(p_aids) then raise exception 'aid' using errcode = 'ML001'; end if;
    end if;
    if p_card is not null then
        update mulaid.paper_card c
           set day = p_day, day_used = case when c.day = p_day then c.day_used else 0 end + p_card_fen
         where c.book = p_book and c.person = p_person and c.hash = p_card and c.revoked_at is null
           and (p_card_fen = 0 or case when c.day = p_day then c.day_used else 0 end + p_card_fen <= p_card_cap);
        if not found then raise exception 'card' using errcode = 'ML001'; end if;
    end if;
    if p_seat is not null then
        perform 1 from mulaid.household_member m
          where m.book = p_book and m.id = p_seat and m.version = p_seat_version and m.left_on is null for share;
        if not found then raise exception 'household' using errcode = 'ML001'; end if;
    end if;
    for i in 1 .. coalesce(cardinality(p_wallets), 0) loop
        update mulaid.wallet_grant w set used = w.used + p_wallet_fens[i]
         where w.book = p_book and w.id = p_wallets[i] and w.version = p_wallet_versions[i] and w.status = 'active'
           and w.used + p_wallet_fens[i] <= w.quota;
        if not found then raise exception 'wallet' using errcode = 'ML001'; end if;
        insert into mulaid.wallet_draw (book, id, wallet, journal, settlement, fen, giver_region, receiver_region, business_date)
        select p_book, p_wallet_draws[i], w.id, p_wallet_journals[i], p_id, p_wallet_fens[i], w.giver_region, w.receiver_region, p_day
          from mulaid.wallet_grant w where w.book = p_book and w.id = p_wallets[i];
    end loop;
    for i in 1 .. coalesce(cardinality(p_draw_books), 0) loop
        update mulaid.purse set balance = balance - p_draw_fens[i], frozen = frozen - p_draw_thaws[i], last_no = last_no + 1
         where book = p_draw_books[i] and holder = p_draw_holders[i] and kind = p_draw_kinds[i] and frozen >= p_draw_thaws[i]
           and balance - p_draw_fens[i] - (frozen - p_draw_thaws[i]) >= greatest(floor, p_draw_keeps[i])
           and (p_draw_nos[i] is null or last_no = p_draw_nos[i])
        returning last_no, balance into no_after, left_after;
        if not found then raise exception 'purse' using errcode = 'ML001'; end if;
        nos := nos || no_after; balances := balances || left_after;
    end loop;
    if cardinality(nos) > 0 then
        insert into mulaid.entry (book, holder, kind, no, journal, fen, balance, business_date, recorded_at)
        select d.book, d.holder, d.kind, d.no, case when d.book = p_book then p_id else d.journal end, -d.fen, d.balance, p_day, p_at
          from unnest(p_draw_books, p_draw_holders, p_draw_kinds, nos, p_draw_journals, p_draw_fens, balances)
            as d(book, holder, kind, no, journal, fen, balance);
    end if;
    return 'done';
end $$;
