-- Mutual aid: authorisations in full, household accounts, frozen quotas.
set local search_path = mulaid, public;
