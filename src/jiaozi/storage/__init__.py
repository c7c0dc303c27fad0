"""PostgreSQL: the embedded server, pool and transactions, named statements, migrations.

Knows databases and nothing of money: tables and rules belong to the parties. Any party runs on the
embedded server or on a PostgreSQL (15 or later) given by DSN, with the same code.
"""
