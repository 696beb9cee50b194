from mulaid.migrations import sql

Migration = sql("0001_books")
