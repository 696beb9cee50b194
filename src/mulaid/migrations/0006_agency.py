from mulaid.migrations import sql

Migration = sql("0006_agency", "0005_settling")
