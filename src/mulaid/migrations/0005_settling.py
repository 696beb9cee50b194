from mulaid.migrations import sql

Migration = sql("0005_settling", "0004_settlement")
