"""What the registry redeemed of a wallet above its cap, and the deposit that it is paid into.

With the holder's consent the registry sweeps the excess of a payment into this operator's vault.
The deposit is chosen here, for the registry knows of none.
"""
