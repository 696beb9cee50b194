from mulaid.migrations import sql

Migration = sql("0006_aid", "0005_family")
