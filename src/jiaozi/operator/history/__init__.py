"""History: what the feed told of our wallets.

Owns the cursor into the feed and one row per wallet and leg. All of it can be rebuilt from the
feed, whose running hash proves that nothing was left out.
"""
