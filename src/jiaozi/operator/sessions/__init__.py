"""Sessions: a browser reads for a wallet, for 15 minutes, after one login by the wallet's key.

Owns challenges, sessions and their end (rules.md §F.3). A session reads what is the wallet's own
and changes nothing: what moves money or rules is signed, order by order or request by request.
"""
