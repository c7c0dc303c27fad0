"""Which of the registry's own keys signs the next block, or the revocation list.

The newest that the state before the block holds valid, of those at hand: so a key takes over with
the block after the order that certified it, and one that was revoked or has ended signs no more.
A service that runs looks for a newly certified key in its store, where it was made before.
"""

from collections.abc import Iterable

from jiaozi.central_bank.registry.control import Control
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import Genesis
from jiaozi.protocol.suites import Signer
from jiaozi.service.keys import KeyMissing, KeyStore, generations


class BlockSigners:
    """The keys at hand for one use: given ones, and those of a store under a name or after it."""

    def __init__(
        self,
        signers: Iterable[Signer] = (),
        *,
        store: KeyStore | None = None,
        name: str = "block",
        use: Use = Use.REGISTRY_BLOCK,
    ) -> None:
        self._by_key = {each.public_key: each for each in signers}
        self._store = store
        self._name = name
        self._use = use
        self._opened: set[str] = set()

    def of_genesis(self, genesis: Genesis) -> Signer:
        """Return what signs block 0.

        Raises:
            KeyMissing: No key at hand is one that genesis names for blocks.
        """
        for each in genesis.keys:
            if each.use is Use.REGISTRY_BLOCK and self._has(each.key):
                return self._by_key[each.key]
        raise KeyMissing(detail="genesis lists another key for signing blocks")

    def knows_one_of(self, control: Control) -> bool:
        """Say whether a key at hand was ever certified for blocks."""
        return any(
            each.certified.use is Use.REGISTRY_BLOCK and self._has(each.certified.key)
            for each in control.keys.values()
        )

    def at(self, control: Control, time_ms: int) -> Signer:
        """Return what signs at this time on top of a state.

        Raises:
            KeyMissing: No key at hand may.
            KeyStoreError: The store cannot be read.
        """
        for certified in reversed(control.valid_keys(self._use, time_ms)):
            if self._has(certified.key):
                return self._by_key[certified.key]
        raise KeyMissing(detail=f"no key at hand is certified now for: {self._use.name.lower()}")

    def _has(self, key: bytes) -> bool:
        """Say whether a key is at hand, opening what the store has newly got."""
        if key not in self._by_key and self._store is not None:
            for name in generations(self._store, self._name):
                if name not in self._opened:
                    signer = self._store.signer(name)
                    self._by_key[signer.public_key] = signer
                    self._opened.add(name)
        return key in self._by_key
