from mulaid.migrations import sql

Migration = sql("0007_money", "0006_aid")
