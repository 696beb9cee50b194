-- Family accounts: requests to bind, consent, activation, face checks.
set local search_path = mulaid, public;
