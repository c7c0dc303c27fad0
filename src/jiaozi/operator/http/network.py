"""What everyone may know: the network and its operator."""

import base64

from fastapi import APIRouter

from jiaozi.operator.http.models import BlockKeyView, NetworkView
from jiaozi.operator.registry.block_keys import RegistryKeys
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.certificates import read_unverified


def network_routes(operator: Operator) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["public"])
    genesis = base64.b64encode(operator.joined.genesis).decode()

    @router.get("/network")
    async def network() -> NetworkView:
        """Give the genesis that this operator belongs to, and the block keys certified since."""
        return NetworkView(
            operator=f"{operator.code:04d}",
            network_id=operator.joined.network.id.hex(),
            genesis=genesis,
            block_keys=_block_keys(operator.registry.block_keys),
        )

    return router


def _block_keys(known: RegistryKeys) -> list[BlockKeyView]:
    certificates = {
        read_unverified(each).key: base64.b64encode(each).decode() for each in known.certificates
    }
    revocations_ms = known.revocations_ms
    return [
        BlockKeyView(
            public_key=key.hex(),
            certificate=certificates.get(key),
            revoked_ms=revocations_ms.get(key),
        )
        for key in sorted(certificates.keys() | revocations_ms.keys())
    ]
