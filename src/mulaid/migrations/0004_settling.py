from mulaid.migrations import sql

Migration = sql("0004_settling", "0003_relatives")
