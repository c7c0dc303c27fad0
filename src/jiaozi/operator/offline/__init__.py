"""The desk for offline devices: they are enrolled, loaded, settled, synchronised and revoked here.

Owns what its own devices were certified with and given, the offline payments on their way into the
registry, and the proofs that logs bring to light. What a device holds is the registry's to say;
what a payment means is `jiaozi.protocol.offline`'s. Nothing personal leaves: the registry sees
keys, amounts and wallet numbers.
"""
