"""Dated rulebooks: which limits bind, as files that officers put in force (rules.md §E).

A rulebook is known by the hash of its file's bytes. An order of two officers names that hash and a
start; nothing here knows which one is in force.
"""
