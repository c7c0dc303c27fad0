"""Paying without network: what two purses say to each other, and what each of them must keep.

::

    purse    -> operator  enrolment  what it wants to be (`enrolment`)
    operator -> purse     certificate of the device, with the operator's (`certificate`)
    operator -> purse     load       number n+1, once the registry moved wallet -> offline
    payee    -> payer     request    amount, challenge, number of its revocation list
    payer    -> payee     payment    amount, counter, place in its log; its balance is lower by then
    payee    -> payer     acknowledgement
    purse    -> operator  statement  its log since the last checkpoint, opened (`log`)
    operator -> purse     checkpoint what the registry says that the purse holds
    anyone   -> purse     frame of the revocation list (`revocations`), header of a block

Request and payment travel with the certificates of who signed them, so that either side needs the
root's key and nothing else. Every message is COSE_Sign1 under a domain tag of its own.

`purse` is the whole state machine: a value, without I/O, clock or randomness, as any secure element
could hold it. A step returns the purse as it is afterwards and what to say. The device writes that
purse in one atomic act and only then speaks; when the power goes in between, the same step on the
same message says the same again. So value may be in no place for a while, and never in two.

=====================  ===========================  ===============================================
step                   what it changes              the same message once more
=====================  ===========================  ===============================================
`loading.take_load`    balance up, load counted     nothing; another one of its number is a proof
`steps.ask`            a request is open            another request, with another challenge
`steps.pay`            balance down, counter up     the identical payment, while the log holds it
`steps.collect`        balance up, request closed   the identical acknowledgement
`steps.acknowledge`    the payment waits no longer  nothing
`steps.unload`         balance down, counter up     another unload: send what waits first
`synchronisation`      the log begins anew          refused: it is not for this purse any more
`news.raise_floor`     a later time is known        nothing
`news.learn_…`         more keys are revoked; the   nothing
                       time may fall with one
=====================  ===========================  ===============================================

`log` is what a purse hands in, `replay` judges it, `proofs` are what convicts. `certificate` and
`limits` say what a purse may do, `floor` what time it is for it, `view` what it shows.
"""
