-- The interface: files, catalogues, records of care, reconciliation.
set local search_path = mulaid, public;
