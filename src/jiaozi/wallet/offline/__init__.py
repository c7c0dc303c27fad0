"""A holder's side of paying without network.

=============  ===================================================================================
`device`       what every holder of a purse can do: this program, or a card behind a reader
`software`     a purse in a file of this machine, labelled as such; `own` the one of a wallet
`card`         a purse on a card in a reader; `issue` makes a blank card one
`transfer`     from one purse within reach to another, once
`till`         a point of sale that takes payments of cards; `sales` is its list
`frames`       messages as text, in as many QR codes as they need; `pictures` draws and reads them
`desk`         the operator's desk: enrol, load, hand in, synchronise; `unload` back to the wallet
`devices`      a wallet's devices that need not be at hand: list, report lost, claim
=============  ===================================================================================

The rules are those of `jiaozi.protocol.offline`, the same code for both kinds of purse.
"""
