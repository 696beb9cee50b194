from mulaid.migrations import sql

Migration = sql("0010_web", "0009_door")
