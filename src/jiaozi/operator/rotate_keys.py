"""Change an operator's signing keys while it serves.

A successor is made in the key store (`jiaozi operator new-key`), certified by the root and made
known by officers. From then on it signs: the newest key of each use that the registry lists as
certified and not revoked. Until then, and while the registry does not answer, nothing changes.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from jiaozi.protocol.certificates import Use
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.protocol.suites import Signer, Suite
from jiaozi.service.keys import KeyStore, KeyStoreError, generations

PERIOD_S = 5.0

_log = structlog.get_logger("jiaozi.keys")


class RotatingKey:
    """A key and its successors in a store; signs with one of them.

    Raises:
        KeyStoreError: There is none, or the newest cannot be opened.
    """

    def __init__(self, store: KeyStore, use: Use, name: str) -> None:
        self.use = use
        self._store = store
        self._name = name
        self._opened: dict[str, Signer] = {}
        self._current = self._open(next(iter(generations(store, name)), name))

    @property
    def suite(self) -> Suite:
        """The suite of the key that signs now."""
        return self._current.suite

    @property
    def public_key(self) -> bytes:
        """The public key of the one that signs now."""
        return self._current.public_key

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message."""
        return self._current.sign(message)

    def newest_first(self) -> list[Signer]:
        """Open all keys that there are.

        Raises:
            KeyStoreError: One cannot be opened.
        """
        return [self._open(each) for each in generations(self._store, self._name)]

    def choose(self, signer: Signer) -> None:
        """Sign with another of them from now on."""
        self._current = signer

    def _open(self, name: str) -> Signer:
        if name not in self._opened:
            self._opened[name] = self._store.signer(name)
        return self._opened[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateKeys:
    """The use case; its dependencies.

    Attributes:
        certificates: Returns the registry's document of all keys.
    """

    operator: int
    keys: Sequence[RotatingKey]
    certificates: Callable[[], Awaitable[bytes]]
    now_ms: Callable[[], int]
    _settled: dict[Use, list[bytes]] = field(default_factory=dict)
    """The keys of each use as they were when the newest of them was found to be certified."""

    async def run(self) -> None:
        """Look for certified successors until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> None:
        """Look once; what cannot be had now is looked for the next time."""
        try:
            await self.step()
        except (KeyStoreError, Refusal) as error:
            _log.warning("keys_not_looked_for", problem=str(error))

    async def step(self) -> None:
        """Have the newest certified key of each use sign.

        Raises:
            KeyStoreError: A key cannot be opened.
            Refusal: The registry does not answer, or not so that it is understood.
        """
        waiting = {each.use: each.newest_first() for each in self.keys}
        if all(_publics(found) == self._settled.get(use) for use, found in waiting.items()):
            return
        certified = self._read(await self.certificates())
        for key in self.keys:
            found = waiting[key.use]
            chosen = next((each for each in found if (key.use, each.public_key) in certified), None)
            if chosen is None:
                _log.warning("no_key_is_certified", use=key.use.name.lower())
                continue
            if chosen.public_key != key.public_key:
                key.choose(chosen)
                _log.info("key_changed", use=key.use.name.lower(), key=chosen.public_key.hex())
            if chosen is found[0]:
                self._settled[key.use] = _publics(found)

    def _read(self, document: bytes) -> set[tuple[Use, bytes]]:
        """Read which of this operator's keys may be used now."""
        now_ms, code = self.now_ms(), f"{self.operator:04d}"
        try:
            return {
                (Use[each["use"].upper()], bytes.fromhex(each["public_key"]))
                for each in json.loads(document)["keys"]
                if each["operator"] == code
                and each["revoked_ms"] is None
                and each["not_before_ms"] <= now_ms < each["not_after_ms"]
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            raise refuse(Code.UNKNOWN) from None


def _publics(signers: Sequence[Signer]) -> list[bytes]:
    return [each.public_key for each in signers]
