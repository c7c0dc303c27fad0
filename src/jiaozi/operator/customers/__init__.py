"""Customers: who holds a wallet, known by a phone and, for higher classes, by evidence.

Owns registrations by phone and code, holders and their groups, and all personal data, sealed
record by record. A phone or a document is found by its keyed digest, never in clear. The two keys,
for sealing and for digests, live outside the database.
"""
