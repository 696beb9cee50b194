from mulaid.migrations import sql

Migration = sql("0003_settlement", "0002_people")
