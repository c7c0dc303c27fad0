"""What a holder runs: the keystore, the client, and the journal of orders not yet settled.

Knows the protocol only. The private key never leaves this package; operators and the central bank
see signatures.

::

    async with unlock(directory, passphrase) as wallet:
        paid = await pay(wallet, [Payee(number, amount_fen)], note="for the noodles")
        paid.standing.state                        settled, refused, or open
        await resume(wallet, print)                finishes what is open

Every use case keeps one order of steps: sign, store in the journal, send, note the answer. What
has no answer stays open and is sent again, byte for byte.

==========================  ======================================================================
`keystore`, `store`         the key, sealed; the journal (SQLite)
`transport`, `client`       requests with patience; the operator API
`answers`, `model`          what comes back, and what it makes of an order
`submit`, `inquire`         send stored orders; ask what became of one
`open`, `pay`, `pay_file`   the use cases, with `exchange`, `redeem`, `resume`, `history`,
                            `receipts` and `payroll_report`
`payroll`                   ISO 20022 files
`edge`                      where time and randomness come in
==========================  ======================================================================
"""
