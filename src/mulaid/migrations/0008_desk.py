from mulaid.migrations import sql

Migration = sql("0008_desk", "0007_money")
