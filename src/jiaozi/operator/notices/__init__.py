"""Live notices: open streams that say how far a wallet's history reaches, and no more.

Owns the streams of this process and the channel by which all processes of an operator hear of news
(PostgreSQL's LISTEN and NOTIFY). What is new is read from the history, with the same right.
"""
