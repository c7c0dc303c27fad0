"""The central bank's background work: what is done by the clock and not by an order.

The jobs live in the registry's PostgreSQL, in a schema of their own; procrastinate retries and
schedules them. Nothing of value is in a job: each finds out by itself what is due, so that one that
is lost, late or there twice does no harm. Any number of workers may run. This package alone imports
psycopg, which procrastinate speaks.
"""
