"""The story that `jiaozi demo` plays, on real processes over real HTTP.

::

    plan.py       who does what with how much, drawn from a seed; pure
    officers.py   the central bank's desk: reserves, issue, destroy under two officers
    people.py     a thousand holders at their operators: open, exchange, pay, redeem
    market_*.py   a day without network: purses, cards among them, one of which is cloned
    company.py    a company that uses the command line as anyone would
    books.py      what the figures must be at the end, against what they are
    story.py      the order of events

Everybody here is invented, phone numbers and documents too.
"""
