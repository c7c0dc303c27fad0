"""Exchange and redeem: deposits to digital yuan and back, 1:1, exactly once (rules.md §C.4).

Owns the two sagas between the core's books and the registry. Both survive a crash between any two
steps: each step is stored before the next one begins, and each may be taken again.
"""
