-- The settlement path in two calls. `settlement_gather` brings everything the law needs to know; Python decides;
-- `settlement_record` carries the decision out, all of it or nothing. Neither holds a rule of the law.
set local search_path = mulaid, public;

alter table visit add column version integer not null default 1;

create function gather_givers(p_book integer, p_person uuid, p_on date, p_chosen uuid, p_lock boolean, out givers json, out guards json)
    language plpgsql set search_path = mulaid
as $$
declare
    a record; e record; p record;
    told json[] := '{}'; kept json[] := '{}';
begin
    for a in
        select x.*, to_char(x.bound_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.US') as bound,
               to_char(x.filed_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.US') as filed
        from aid x where x.book = p_book and x.receiver = p_person and x.status = 'active' order by x.id
    loop
        -- One book a statement: a cluster refuses joins and locks over several books.
        if p_lock then
            perform 1 from purse where book = a.giver_book and holder = a.giver and kind = 1 for update;
        end if;
        select shown, died_on,
               coalesce((select balance from purse u where u.book = x.book and u.holder = x.id and u.kind = 1), 0) as account,
               coalesce((select last_no from purse u where u.book = x.book and u.holder = x.id and u.kind = 1), 0) as account_no,
               coalesce((select balance from purse u where u.book = x.book and u.holder = x.id and u.kind = 2), 0) as current_year
          into p from person x where x.book = a.giver_book and x.id = a.giver;
        select y.region, y.status, y.staff_group,
               (select min(z.valid_from) from enrolment z where z.book = a.giver_book and z.person = a.giver
                    and z.status = 'suspended' and z.valid_from >= left(a.bound, 10)::date) as suspended
          into e from enrolment y
         where y.book = a.giver_book and y.person = a.giver and y.valid_from <= p_on and (y.valid_to is null or y.valid_to >= p_on)
         order by y.valid_from desc limit 1;
        continue when e.region is null;
        told := told || json_build_object(
            'aid', a.id, 'person', a.giver, 'shown', p.shown, 'relation', a.relation, 'region', e.region,
            'status', case when p.died_on <= p_on then 'ended' else e.status end, 'filed', a.filed, 'bound', a.bound,
            'account', p.account, 'current_year', p.current_year, 'frozen', 0, 'suspended_since_bound', e.suspended,
            'quota_left', a.quota - a.used, 'settlement_cap', a.settlement_cap, 'rank', a.rank, 'uses', a.uses,
            'group', e.staff_group, 'until', a.valid_to, 'chosen', coalesce(a.id = p_chosen, false));
        kept := kept || json_build_object('book', a.giver_book, 'no', p.account_no, 'version', a.version);
    end loop;
    givers := array_to_json(told);
    guards := array_to_json(kept);
end $$;

-- problem: null, or the code of a refusal the facts themselves show; problem_fact fills its words.
create function settlement_gather(
    p_home integer, p_door text, p_caller text, p_key text,
    p_book integer, p_person uuid, p_visit uuid, p_batch text, p_institution text, p_on date, p_portions json,
    p_use text, p_level text, p_use_accounts boolean, p_token bytea, p_at timestamptz, p_lock boolean,
    out stored_hash bytea, out stored text, out problem text, out problem_fact text, out facts text, out guard json,
    out name bytea, out document bytea, out document_kind text, out gender text, out nation text, out born date,
    out insutype text, out psn_type text, out med_type text, out presenter uuid, out service_date date)
    language plpgsql set search_path = mulaid
as $$
declare
    v record; t record; e record; y record; own record; cur record;
    chosen uuid; visit_version integer; portions json := p_portions; givers json := '[]'; guards json := '[]';
begin
    if p_key is not null then
        select c.body_hash, coalesce(c.answer, '') into stored_hash, stored
          from command c where c.book = p_home and c.door = p_door and c.caller = p_caller and c.key = p_key;
        if found then return; end if;
    end if;
    service_date := p_on;
    if p_visit is not null then
        select * into v from visit x where x.book = p_book and x.id = p_visit;
        if not found then problem := 'visit.unknown'; return; end if;
        if v.institution <> p_institution then problem := 'visit.other_institution'; return; end if;
        if v.person <> p_person then problem := 'visit.other_person'; return; end if;
        if v.cancelled_at is not null then problem := 'visit.cancelled'; return; end if;
        select s.id into problem_fact from settlement s
         where s.book = p_book and s.visit = p_visit and s.batch = p_batch and s.refunds is null and s.refunded_by is null;
        if found then problem := 'settlement.already'; return; end if;
        service_date := v.begun_on; visit_version := v.version; presenter := v.presenter; chosen := v.chosen; med_type := v.med_type;
        select json_agg(json_build_object('tag', g.tag, 'in_policy', g.a, 'upfront', g.b, 'over_limit', g.c, 'self_funded', g.d))
          into portions
          from (select l.tag, sum(l.in_policy)::bigint a, sum(l.upfront)::bigint b, sum(l.over_limit)::bigint c, sum(l.self_funded)::bigint d
                  from fee_line l where l.book = p_book and l.visit = p_visit and l.batch = p_batch group by l.tag order by l.tag) g;
        if portions is null then problem := 'settlement.no_lines'; return; end if;
    end if;
    if p_token is not null then
        select * into t from visit_token x where x.hash = p_token;
        if not found or t.institution <> p_institution or t.person <> p_person then problem := 'credential.bad_token'; return; end if;
        if t.expires_at <= p_at then problem := 'credential.token_expired'; return; end if;
        if t.bond is not null then
            perform 1 from family_bond b where b.book = t.book and b.id = t.bond and b.version = t.bond_version and b.ended_at is null;
            if not found then problem := 'credential.bond_ended'; return; end if;
        end if;
        presenter := t.presenter; chosen := coalesce(t.chosen, chosen);
    end if;
    select x.* into e from enrolment x
     where x.book = p_book and x.person = p_person and x.valid_from <= service_date and (x.valid_to is null or x.valid_to >= service_date)
     order by x.valid_from desc limit 1;
    if not found then problem := 'people.not_enrolled'; problem_fact := service_date; return; end if;
    if p_lock then
        perform 1 from insured_year x where x.book = p_book and x.person = p_person and x.year = extract(year from service_date) for update;
        perform 1 from purse x where x.book = p_book and x.holder = p_person and x.kind = 1 for update;
        perform 1 from purse x where x.book = p_book and x.holder = p_person and x.kind = 2 for update;
    end if;
    select x.name, x.document, x.document_kind, x.gender, x.nation, x.born
      into name, document, document_kind, gender, nation, born from person x where x.book = p_book and x.id = p_person;
    select coalesce(max(x.balance), 0) as balance, coalesce(max(x.last_no), 0) as no into own
      from purse x where x.book = p_book and x.holder = p_person and x.kind = 1;
    select coalesce(max(x.balance), 0) as balance, coalesce(max(x.last_no), 0) as no into cur
      from purse x where x.book = p_book and x.holder = p_person and x.kind = 2;
    select coalesce(max(x.in_policy), 0) as in_policy, coalesce(max(x.fund), 0) as fund, coalesce(max(x.supplement), 0) as supplement,
           coalesce(max(x.deductible), 0) as deductible, coalesce(max(x.version), 0) as version,
           exists (select 1 from settlement s where s.book = p_book and s.person = p_person and s.service_date = settlement_gather.service_date
                     and s.institution = p_institution and s.deductible > 0 and s.refunded_by is null) as deducted
      into y from insured_year x where x.book = p_book and x.person = p_person and x.year = extract(year from service_date);
    select g.givers, g.guards into givers, guards from gather_givers(p_book, p_person, service_date, chosen, p_lock) g;
    insutype := e.scheme; psn_type := e.psn_type;
    facts := json_build_object(
        'on', service_date, 'use', p_use, 'level', p_level, 'use_accounts', p_use_accounts,
        'patient', json_build_object('region', e.region, 'base', e.base, 'status', e.status, 'born', born,
                                     'retired_on', e.retired_on, 'family_doctor', e.family_doctor),
        'portions', portions, 'account', own.balance, 'current_year', cur.balance, 'givers', givers,
        'year', json_build_object('in_policy', y.in_policy, 'fund', y.fund, 'supplement', y.supplement,
                                  'deductible', y.deductible, 'deducted_here_today', y.deducted));
    guard := json_build_object('year', y.version, 'own', own.no, 'current_year', cur.no, 'givers', guards, 'visit', visit_version);
end $$;

-- Carries out a decision. Returns 'done', or 'known' when the key is already answered. Anything that has moved since gather raises
-- ML001 with the name of what moved, and nothing is left behind. Draws come in (book, holder, kind) order; a draw outside the
-- patient's book gets a journal of its own there over a clearing leg. Purses are taken last: a lock held on a busy account ends
-- with the commit.
create function settlement_record(
    p_home integer, p_door text, p_caller text, p_key text, p_hash bytea, p_answer text,
    p_book integer, p_id uuid, p_visit uuid, p_new_visit boolean, p_visit_version integer, p_person uuid, p_institution text,
    p_infno text, p_msgid text, p_batch text, p_number text, p_insutype text, p_med_type text,
    p_on date, p_day date, p_at timestamptz, p_amounts bigint[], p_facts text, p_steps text, p_packs text, p_output text,
    p_year_version bigint, p_presenter uuid, p_actor text, p_audit uuid, p_news uuid,
    p_accounts text[], p_fens bigint[], p_kinds text[],
    p_draw_books integer[], p_draw_holders uuid[], p_draw_kinds smallint[], p_draw_fens bigint[], p_draw_keeps bigint[],
    p_draw_nos bigint[], p_draw_journals uuid[], p_aids uuid[], p_aid_versions integer[], p_aid_fens bigint[]) returns text
    language plpgsql set search_path = mulaid
as $$
declare
    journals uuid[] := array[p_id]; books integer[] := array[p_book];
    i integer; no_after bigint; left_after bigint;
begin
    insert into command (book, door, caller, key, body_hash, answer, refused, subject, at)
    values (p_home, p_door, p_caller, p_key, p_hash, p_answer, false, p_id, p_at) on conflict do nothing;
    if not found then return 'known'; end if;
    if p_new_visit then
        insert into visit (book, id, person, institution, use, number, begun_on, insutype, med_type, presenter, opened_at)
        values (p_book, p_visit, p_person, p_institution, 'pharmacy', p_number, p_on, p_insutype, p_med_type, p_presenter, p_at);
    else
        perform 1 from visit v where v.book = p_book and v.id = p_visit and v.version = p_visit_version and v.cancelled_at is null for share;
        if not found then raise exception 'visit' using errcode = 'ML001'; end if;
    end if;
    insert into insured_year as y (book, person, year, in_policy, fund, supplement, deductible, version)
    values (p_book, p_person, extract(year from p_on), p_amounts[9], p_amounts[2], p_amounts[3], p_amounts[8], 1)
    on conflict (book, person, year) do update
       set in_policy = y.in_policy + excluded.in_policy, fund = y.fund + excluded.fund, supplement = y.supplement + excluded.supplement,
           deductible = y.deductible + excluded.deductible, version = y.version + 1
     where y.version = p_year_version;
    if not found then raise exception 'insured_year' using errcode = 'ML001'; end if;
    for i in 1 .. coalesce(cardinality(p_draw_books), 0) loop
        if p_draw_books[i] <> p_book then
            insert into journal (book, id, cause, accounts, fens, kinds, settlement, business_date, recorded_at)
            values (p_draw_books[i], p_draw_journals[i], 'settlement',
                    array['purse:' || p_draw_holders[i] || ':' || p_draw_kinds[i], 'clearing:' || p_book],
                    array[-p_draw_fens[i], p_draw_fens[i]], array['aid', 'clearing'], p_id, p_day, p_at);
            journals := journals || p_draw_journals[i]; books := books || p_draw_books[i];
        end if;
    end loop;
    insert into journal (book, id, cause, accounts, fens, kinds, settlement, business_date, recorded_at)
    values (p_book, p_id, 'settlement', p_accounts, p_fens, p_kinds, p_id, p_day, p_at);
    insert into settlement (book, id, visit, person, institution, infno, msgid, batch, service_date, business_date, settled_at,
                            total, pool, supplement, current_year, account, aid, cash, deductible, counted,
                            facts, steps, packs, answer, journals, journal_books, presenter)
    values (p_book, p_id, p_visit, p_person, p_institution, p_infno, p_msgid, p_batch, p_on, p_day, p_at,
            p_amounts[1], p_amounts[2], p_amounts[3], p_amounts[4], p_amounts[5], p_amounts[6], p_amounts[7], p_amounts[8], p_amounts[9],
            p_facts::json, p_steps::json, p_packs::json, p_output::json, journals, books, p_presenter);
    insert into audit (book, id, at, actor, act, subject, behalf_of, purpose, place)
    values (p_book, p_audit, p_at, p_actor, 'settle', p_id, p_person, p_infno, p_institution);
    insert into outbox (book, id, at, topic, body) values (p_book, p_news, p_at, 'settled', json_build_object('settlement', p_id));
    for i in 1 .. coalesce(cardinality(p_aids), 0) loop
        update aid set used = used + p_aid_fens[i]
         where book = p_book and id = p_aids[i] and version = p_aid_versions[i] and status = 'active'
           and (quota is null or used + p_aid_fens[i] <= quota);
        if not found then raise exception 'aid' using errcode = 'ML001'; end if;
    end loop;
    for i in 1 .. coalesce(cardinality(p_draw_books), 0) loop
        update purse set balance = balance - p_draw_fens[i], last_no = last_no + 1
         where book = p_draw_books[i] and holder = p_draw_holders[i] and kind = p_draw_kinds[i]
           and balance - p_draw_fens[i] >= greatest(floor, p_draw_keeps[i])
           and (p_draw_nos[i] is null or last_no = p_draw_nos[i])
        returning last_no, balance into no_after, left_after;
        if not found then raise exception 'purse' using errcode = 'ML001'; end if;
        insert into entry (book, holder, kind, no, journal, fen, balance, business_date, recorded_at)
        values (p_draw_books[i], p_draw_holders[i], p_draw_kinds[i], no_after,
                case when p_draw_books[i] = p_book then p_id else p_draw_journals[i] end, -p_draw_fens[i], left_after, p_day, p_at);
    end loop;
    return 'done';
end $$;
