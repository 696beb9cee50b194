from mulaid.migrations import sql

Migration = sql("0004_settlement", "0003_relatives")
