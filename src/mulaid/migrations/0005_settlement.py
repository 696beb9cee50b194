from mulaid.migrations import sql

Migration = sql("0005_settlement", "0004_settling")
