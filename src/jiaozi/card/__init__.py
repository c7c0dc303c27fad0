"""The card's side of a reader: a process of its own that a physical card would replace.

Knows the protocol only. What the card can do is an `application.Application`; the rest carries
commands to it, as the operating system of a card does.

==================  ==============================================================================
`application`       what a card runs
`purse`             the application that holds money; `instructions` and `holder` have its
                    commands, `arguments` what these are given, `session` what it knows while it
                    has power, `state`, `pin` and `storage` what it keeps
`dialogue`          chains of commands put together, answers handed out in pieces
`virtual_reader`    the slot of a virtual reader, in place of contacts and antenna
`emulator`          all of it as one process
==================  ==============================================================================
"""
