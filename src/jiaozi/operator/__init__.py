"""An operator: customers, their wallets, exchange with deposits, the payment gateway.

The only party that holds personal data, encrypted per record. It can stop serving a customer but
spend nothing of theirs: the balance of record is the registry's, moved by the wallet key alone.
"""
