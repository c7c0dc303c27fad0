"""What everyone may know: the network and its operator."""

import base64
from collections.abc import Iterable, Mapping

from fastapi import APIRouter

from jiaozi.operator.http.models import LaterKeyView, NetworkView
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.certificates import read_unverified


def network_routes(operator: Operator) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["public"])
    genesis = base64.b64encode(operator.joined.genesis).decode()

    @router.get("/network")
    async def network() -> NetworkView:
        """Give the genesis that this operator belongs to, and the keys that outlast it."""
        keys = operator.registry.block_keys
        return NetworkView(
            operator=f"{operator.code:04d}",
            network_id=operator.joined.network.id.hex(),
            genesis=genesis,
            block_keys=_later_keys(keys.certificates, keys.revocations_ms),
            certify_keys=_later_keys(keys.certify_certificates, keys.certify_revocations_ms),
        )

    return router


def _later_keys(known: Iterable[bytes], revocations_ms: Mapping[bytes, int]) -> list[LaterKeyView]:
    certificates = {read_unverified(each).key: base64.b64encode(each).decode() for each in known}
    return [
        LaterKeyView(
            public_key=key.hex(),
            certificate=certificates.get(key),
            revoked_ms=revocations_ms.get(key),
        )
        for key in sorted(certificates.keys() | revocations_ms.keys())
    ]
