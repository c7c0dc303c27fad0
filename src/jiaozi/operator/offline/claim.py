"""Sign a holder's claim on what is left of a lost device.

As with a second factor the operator's signature comes first and by itself, so that it moves nothing
before the holder has stored the order and signed it too. Amount and wait are the registry's to
check, when the order comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import check_window, parse
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class SignClaim:
    """The use case; its dependencies."""

    network: NetworkId
    certify: Signer
    now_ms: Callable[[], int]

    def __call__(
        self, wallet: Wallet, device: bytes, payload: bytes, legs: Sequence[bytes]
    ) -> bytes:
        """Return a COSE_Sign of the payload with the operator's signature alone.

        Raises:
            Refusal: A shape code; ``expired`` or ``id_time_ahead``; ``not_allowed`` for anything
                but a claim of this wallet's on this device.
        """
        aad = external_aad(Domain.ORDER, self.network)
        signed = cose.join(payload, [cose.signature_by(payload, self.certify, aad)])
        order = parse(cbor.encode([signed, list(legs)]))
        if order.type is not OrderType.CLAIM:
            raise refuse(Code.NOT_ALLOWED)
        named = (order.body["number"], order.body["device"])
        if named != (wallet.number, device) or order.legs[0].credit != wallet.number:
            raise refuse(Code.NOT_ALLOWED)
        check_window(order, self.now_ms())
        return signed
