"""Jiaozi: a digital legal tender that you can run.

Each party is a package of its own, so that a file's place says what it may know:
`protocol` is the language all share; `central_bank`, `operator` and `wallet` meet on the wire
only; `storage` and `service` carry them; `cli` starts them.
"""
