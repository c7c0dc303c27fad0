"""Daily statements: what each operator's vault and reserve held and did, signed (rules.md §D.3).

Owns which days are due, what the blocks say of them, and the table of what was made. When it is
made is the worker's; the bytes are the protocol's (`jiaozi.protocol.daily_statement`).
"""
