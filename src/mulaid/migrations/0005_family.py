from mulaid.migrations import sql

Migration = sql("0005_family", "0004_settling")
