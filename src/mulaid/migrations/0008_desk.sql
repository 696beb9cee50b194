-- The desk: staff, cases, evidence.
set local search_path = mulaid, public;
