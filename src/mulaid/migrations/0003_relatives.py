from mulaid.migrations import sql

Migration = sql("0003_relatives", "0002_people")
