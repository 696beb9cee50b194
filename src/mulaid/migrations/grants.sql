-- What each process may do. Run after every migration; append-only tables stay append-only because nobody may change them.
do $$
declare role text;
begin
    foreach role in array array['mulaid_web', 'mulaid_gateway', 'mulaid_worker'] loop
        begin
            execute format('create role %I login', role);
        exception when duplicate_object or unique_violation then null;
        end;
        execute format('grant usage on schema mulaid, public to %I', role);
        execute format('grant select on all tables in schema mulaid to %I', role);
        execute format('grant insert on mulaid.command, mulaid.audit, mulaid.outbox to %I', role);
        execute format('grant update (answer, refused, subject) on mulaid.command to %I', role);
        -- The demo's owner may become each role, so that one URL serves three processes.
        execute format('grant %I to current_user', role);
    end loop;
end $$;

grant insert on mulaid.journal, mulaid.entry, mulaid.settlement, mulaid.visit, mulaid.fee_line, mulaid.insured_year, mulaid.returned,
    mulaid.visit_token, mulaid.sign_in, mulaid.nonce, mulaid.pack to mulaid_gateway;
grant update (balance, frozen, last_no) on mulaid.purse to mulaid_gateway, mulaid_worker;
grant update (in_policy, fund, supplement, deductible, admissions, inpatient_in_policy, inpatient_fund,
    disease_deductible, disease_fund, self_paid, serious, version)
    on mulaid.insured_year to mulaid_gateway, mulaid_worker;
grant update (used, month, month_used, year, year_used, day, day_used) on mulaid.aid to mulaid_gateway, mulaid_worker;
grant update (used) on mulaid.wallet_grant to mulaid_gateway, mulaid_worker;
grant update (version) on mulaid.household_member to mulaid_gateway, mulaid_worker;
grant insert on mulaid.wallet_draw to mulaid_gateway, mulaid_worker;
grant update (refunded_by) on mulaid.settlement to mulaid_gateway, mulaid_worker;
grant update (version, cancelled_at, ended_on, disease, info, med_type) on mulaid.visit to mulaid_gateway;
grant update (fen) on mulaid.returned to mulaid_gateway, mulaid_worker;
grant update (used_at, used_by) on mulaid.code to mulaid_gateway;
grant update (day, day_used) on mulaid.paper_card to mulaid_gateway;
grant update (ended_at) on mulaid.sign_in to mulaid_gateway;
grant delete on mulaid.fee_line to mulaid_gateway;
grant delete on mulaid.nonce to mulaid_worker;
-- Hospitals file referrals and certify diseases; other changes of the person's relations wait meanwhile.
grant insert on mulaid.remote_filing, mulaid.chronic to mulaid_gateway;
grant update (ended_on, version) on mulaid.remote_filing to mulaid_gateway;
grant update (valid_to, version) on mulaid.chronic to mulaid_gateway;
grant insert on mulaid.aid_party to mulaid_gateway;
grant update (changes) on mulaid.aid_party to mulaid_gateway;
grant insert on mulaid.exchange_record, mulaid.exchange_file, mulaid.mobile_order to mulaid_gateway;
grant update (cancelled_at, body, sealed, version, ends_on) on mulaid.exchange_record to mulaid_gateway;
grant update (revoked_at) on mulaid.mobile_order to mulaid_gateway;
grant delete on mulaid.exchange_file to mulaid_worker;

grant insert on mulaid.code, mulaid.pack to mulaid_web;
grant update (revoked_at) on mulaid.code to mulaid_web;
grant insert on mulaid.paper_card, mulaid.paper_card_of to mulaid_web;
grant update (hash, issued_by, bond, issued_at, expires_at, revoked_at) on mulaid.paper_card to mulaid_web;
grant insert on mulaid.web_session, mulaid.openid to mulaid_web;
grant update on mulaid.openid to mulaid_web;
grant update (seen_at, confirmed_at, ended_at, assurance) on mulaid.web_session to mulaid_web;
grant select, insert, update, delete on public.django_session to mulaid_web;

grant delete on mulaid.outbox to mulaid_worker;
-- Locking what it is about to take out needs the right to update something.
grant update (topic) on mulaid.outbox to mulaid_worker;
grant insert on mulaid.message to mulaid_worker;
grant select, insert, update, delete on all tables in schema public to mulaid_worker;
grant usage, select on all sequences in schema public to mulaid_worker;

-- Phones and short messages: asked for on the pages, sent by the worker.
grant insert on mulaid.phone, mulaid.phone_code, mulaid.allowance, mulaid.sms to mulaid_web;
grant update on mulaid.phone, mulaid.phone_code, mulaid.allowance to mulaid_web;
grant insert, update on mulaid.allowance to mulaid_gateway;
grant delete on mulaid.phone_code to mulaid_web;
grant insert, update on mulaid.allowance, mulaid.sms to mulaid_worker;
grant delete on mulaid.phone_code, mulaid.allowance to mulaid_worker;
grant insert on mulaid.outbox to mulaid_worker;

-- A person's standing, premiums, filings: what citizens and counters change, and the nightly walks over everybody.
grant insert, delete on mulaid.enrolment to mulaid_web, mulaid_worker;
grant update (valid_to) on mulaid.enrolment to mulaid_web, mulaid_worker;
grant update (valid_to) on mulaid.kinship to mulaid_worker;
-- On the pages only to hold the person's row while enrolment changes, which needs the right to update something.
grant update (died_on) on mulaid.person to mulaid_web, mulaid_worker;
grant insert on mulaid.waiting, mulaid.premium, mulaid.premium_given, mulaid.remote_filing, mulaid.chronic, mulaid.purse, mulaid.journal,
    mulaid.entry, mulaid.returned, mulaid.pack to mulaid_web, mulaid_worker;
grant update (undone_at) on mulaid.waiting to mulaid_web;
grant update (used, month, month_used, year, year_used, day, day_used) on mulaid.aid to mulaid_web;
grant update (refunded_at, refunds) on mulaid.premium to mulaid_web;
grant update (valid_to, ended_on, promise_only, papers_due, evidence, version) on mulaid.remote_filing to mulaid_web, mulaid_worker;
grant update (valid_to, evidence, version) on mulaid.chronic to mulaid_web;
grant update (balance, last_no) on mulaid.purse to mulaid_web, mulaid_worker;
grant update (fen) on mulaid.returned to mulaid_web;
grant insert on mulaid.walk, mulaid.credited to mulaid_worker;
grant update (after, people, fen, left_out, done_at) on mulaid.walk to mulaid_worker;
-- Family accounts: people act for themselves and each other in the web; the worker closes what has waited too long.
grant insert on mulaid.family_bond, mulaid.family_given, mulaid.family_turn, mulaid.family_request, mulaid.family_invited,
    mulaid.family_paper, mulaid.family_use, mulaid.consent, mulaid.credential, mulaid.face_check to mulaid_web;
grant update (ended_at, ended_by, ended_because, version, label, relation, may_read, suspended_at, consent_due, assurance, reminded)
    on mulaid.family_bond to mulaid_web, mulaid_worker;
grant update (ended_at, relation, role) on mulaid.family_given to mulaid_web, mulaid_worker;
grant update (turn) on mulaid.family_turn to mulaid_web;
grant update (state, member_book, member, kinship, birth, promise, consent, face, assurance, why, said, done_at, bond, version)
    on mulaid.family_request to mulaid_web, mulaid_worker;
grant update (withdrawn_at) on mulaid.consent to mulaid_web;
grant update (frozen_at, frozen_why) on mulaid.credential to mulaid_web;
grant update (state, provider, provider_ref, provider_txn, binds_number, problem, score, assurance, expires_at, finished_at, used_at)
    on mulaid.face_check to mulaid_web;

-- Mutual aid: opened, changed and ended on the pages, ended by the nightly walk.
grant insert on mulaid.aid, mulaid.aid_given, mulaid.aid_promise to mulaid_web;
grant insert on mulaid.aid_party to mulaid_web, mulaid_worker;
grant update (status, waits_for, lapses_at, bound_at, kinship, valid_to, quota, settlement_cap, month_cap, year_cap, reserve, paused, rank,
    uses, ended_at, ended_because, version) on mulaid.aid to mulaid_web, mulaid_worker;
grant update on mulaid.aid_given, mulaid.aid_party to mulaid_web, mulaid_worker;

-- Household accounts and wallets: the same two. The worker ends, returns and clears; only people open and send.
grant insert on mulaid.household, mulaid.household_invitation, mulaid.household_member, mulaid.household_roll, mulaid.wallet_grant, mulaid.wallet_given, mulaid.wallet,
    mulaid.wallet_transfer, mulaid.wallet_incoming to mulaid_web;
grant update on mulaid.household_invitation to mulaid_web;
grant update on mulaid.household_roll to mulaid_web, mulaid_worker;
grant update (closed_on, version) on mulaid.household to mulaid_web, mulaid_worker;
grant update (left_on, month, transfers, version) on mulaid.household_member to mulaid_web, mulaid_worker;
grant update (frozen) on mulaid.purse to mulaid_web, mulaid_worker;
grant update (status, quota, ended_at, ended_because, version) on mulaid.wallet_grant to mulaid_web, mulaid_worker;
grant update (ended_at) on mulaid.wallet_given to mulaid_web, mulaid_worker;
grant update (region, opened_at, opened_by, closed_at, day, sent, version) on mulaid.wallet to mulaid_web;
grant update (status, decided_at) on mulaid.wallet_transfer to mulaid_web, mulaid_worker;
grant update (cleared) on mulaid.wallet_draw to mulaid_worker;
grant insert, update on mulaid.clearing to mulaid_worker;
grant update (fen) on mulaid.returned to mulaid_worker;

-- The desk: clerks and citizens work on pages, the worker carries out what two people agreed on.
grant insert on mulaid.desk_case, mulaid.desk_case_of, mulaid.desk_event, mulaid.paper, mulaid.paper_seen,
    mulaid.paper_link to mulaid_web;
grant update (expires_at) on mulaid.visit_token to mulaid_web;
grant update (frozen_by) on mulaid.credential to mulaid_web;
grant update (state, signals, due_on, papers_due_on, taken_by, verdict, reason, words, basis, decided_by, decided_at, checked_by, checked_at,
    ended_at, version) on mulaid.desk_case to mulaid_web, mulaid_worker;
grant update (file) on mulaid.paper to mulaid_web, mulaid_worker;
grant update (used_at) on mulaid.paper_link to mulaid_web;
grant insert on mulaid.desk_case, mulaid.desk_case_of, mulaid.desk_event to mulaid_worker;
grant update (key, deleted_at) on mulaid.paper to mulaid_worker;
grant delete on mulaid.paper_link to mulaid_worker;
grant update (disabled_at) on mulaid.staff to mulaid_worker;

-- What a case may do once two people have agreed, beside what the gateway's refunds may: bind and activate.
grant insert on mulaid.settlement, mulaid.family_bond, mulaid.family_given, mulaid.family_turn, mulaid.credential to mulaid_worker;
-- A guardian who was heard by papers is registered, and the word kept, when two people have agreed.
grant insert on mulaid.person, mulaid.person_by_document, mulaid.consent to mulaid_worker;
grant update (detail) on mulaid.desk_case to mulaid_web;
grant update (turn) on mulaid.family_turn to mulaid_worker;

-- Staff at the door: what they set themselves, and their sessions.
grant update (password, secret, ready_at, invitation, last_step) on mulaid.staff_key to mulaid_web;
grant insert, update on mulaid.staff_session to mulaid_web;

-- What one process reads is no other's business: sessions and second factors are the pages', queues the worker's.
revoke select on mulaid.staff_key, mulaid.staff_session, mulaid.web_session, mulaid.phone_code, mulaid.paper, mulaid.paper_link
    from mulaid_gateway;
revoke select on mulaid.staff_session, mulaid.web_session from mulaid_worker;
revoke select, insert, update, delete on public.django_session, public.django_migrations from mulaid_worker;
grant select on public.django_migrations to mulaid_web, mulaid_worker;

-- Seals: only the worker makes them, and nobody changes them.
grant insert on mulaid.seal, mulaid.sealed to mulaid_worker;

-- Signals of misuse: the worker sees and says, clerks say what came of looking. Nobody takes a signal out.
grant insert, delete on mulaid.sighting to mulaid_worker;
grant insert on mulaid.watched, mulaid.signal to mulaid_worker;
grant update (after) on mulaid.watched to mulaid_worker;
grant update (looks, verdict, note, looked_by, looked_at) on mulaid.signal to mulaid_web;
revoke select on mulaid.sighting, mulaid.watched, mulaid.signal from mulaid_gateway;
revoke select on mulaid.sighting, mulaid.watched from mulaid_web;
