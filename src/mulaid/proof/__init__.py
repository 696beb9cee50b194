"""Proof: that the books and decisions are right, that worked examples come out, and how fast it is."""
