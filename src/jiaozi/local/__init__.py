"""All parties on one machine: what `jiaozi up` and `jiaozi demo` start.

Each party is a process of its own with a database and a database user of its own, as it would be
elsewhere; only the machine and the PostgreSQL server are shared. Owns the data directory, its
first set-up, and the life of the processes. What a party does is left to the party.
"""
