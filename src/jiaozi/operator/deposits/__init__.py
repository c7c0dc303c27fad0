"""Deposits: the port to a bank's core, and a built-in core behind it.

Owns nothing of exchange: it holds, captures, releases and credits, each once for its key, however
often it is told to.
"""
