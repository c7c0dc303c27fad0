"""Certification: the root's ceremony, certificates, and officers who approve orders.

Everything here runs at the central bank's desk, none of it in its service: the service holds the
key that signs blocks and no other.
"""
