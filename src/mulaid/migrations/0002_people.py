from mulaid.migrations import sql

Migration = sql("0002_people", "0001_books")
