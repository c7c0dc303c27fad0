"""The card's side of a reader: a process of its own that a physical card would replace.

Knows the protocol only. What the card can do is an `application.Application`; the rest carries
commands to it, as the operating system of a card does.

==================  ==============================================================================
`application`       what a card runs
`dialogue`          chains of commands put together, answers handed out in pieces
`virtual_reader`    the slot of a virtual reader, in place of contacts and antenna
==================  ==============================================================================
"""
