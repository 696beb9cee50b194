"""The law: pure. No clock, no database, no network; facts and packs in, a decision with its reasons out."""
