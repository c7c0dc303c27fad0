"""What the law asks of whoever holds personal data: keys, accesses, terms, export.

Owns the keys that wrap the data keys of sealed records, the log of every opening of a record, the
schedule by which keys are destroyed, and the export of all that is held on a person. How a record
is sealed and opened is `jiaozi.operator.customers.privacy`'s.
"""
