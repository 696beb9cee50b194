from mulaid.migrations import sql

Migration = sql("0009_door", "0008_desk")
