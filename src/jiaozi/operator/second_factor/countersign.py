"""Countersign: the operator's signature under one order, after the PIN was given for that very one.

::

    wallet -> operator    payload and legs of an order, the PIN; signed (RFC 9421) by its key
    operator -> wallet    COSE_Sign(payload, [the certify key's signature])
    wallet                puts its own signature beside it, stores the order, sends it as any other

The operator sees no signature of the wallet's under the order until the wallet has stored it: what
comes back here moves nothing by itself, and a lost answer or a crash leaves nothing that could.
There is no session: each order takes the PIN again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jiaozi.operator.second_factor import store
from jiaozi.operator.second_factor.check_pin import CheckPin
from jiaozi.operator.second_factor.model import check_countersigned
from jiaozi.operator.second_factor.stretching import PinStretching
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.orders import Order, check_window, parse
from jiaozi.protocol.suites import ED25519_SIGNATURE_LENGTH, Signer, Suite
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersign:
    """The use case; its dependencies."""

    network: NetworkId
    database: Database
    stretching: PinStretching
    check_pin: CheckPin
    certify: Signer
    now_ms: Callable[[], int]

    async def __call__(
        self, wallet: Wallet, payload: bytes, legs: Sequence[bytes], pin: str
    ) -> bytes:
        """Return a COSE_Sign of the payload with the operator's signature alone.

        Raises:
            Refusal: A shape code; ``expired`` or ``id_time_ahead``; ``not_countersigned``;
                ``not_allowed`` for another wallet's order; ``busy``; else as `CheckPin`.
        """
        order = self._read(wallet, payload, legs)
        check_window(order, self.now_ms())
        check_countersigned(wallet, order)
        with self.stretching.place():
            right = await self.check_pin(wallet.number, pin)
        aad = external_aad(Domain.ORDER, self.network)
        signature = cose.signature_by(payload, self.certify, aad)
        async with self.database.transaction() as connection:
            await store.forgive_tries(connection, wallet.number, right)
            await store.add_countersignature(connection, wallet.number, order, self.now_ms())
        return cose.join(payload, [signature])

    def _read(self, wallet: Wallet, payload: bytes, legs: Sequence[bytes]) -> Order:
        """Read the order in the form in which it will be sent, its two signatures left blank."""
        signers = [
            _Blank(Suite(wallet.suite), wallet.public_key),
            _Blank(self.certify.suite, self.certify.public_key),
        ]
        return parse(cbor.encode([cose.sign(payload, signers, b""), list(legs)]))


@dataclass(frozen=True, slots=True)
class _Blank:
    """A signer who has not signed yet."""

    suite: Suite
    public_key: bytes

    def sign(self, message: bytes) -> bytes:
        """Return the room that the signature will take."""
        return bytes(ED25519_SIGNATURE_LENGTH)
