"""A wallet's life after its opening: what the registry settled about it, and who carries it.

Owns the events of each wallet, the new keys that wait, and the list of failed operators whose
wallets are carried on here. All of it comes from the feed.
"""
