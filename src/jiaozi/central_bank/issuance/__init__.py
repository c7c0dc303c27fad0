"""Issuance: money comes into being against reserves and goes out of it again.

Orders are drawn up here and signed by officers and the operator's vault key elsewhere
(`certification.approve`); the registry's writer posts them. What stands between the registry and a
payment system where the reserves really are is `reserve_system`.
"""
