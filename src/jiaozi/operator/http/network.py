"""What everyone may know: the network and its operator."""

import base64

from fastapi import APIRouter

from jiaozi.operator.http.models import NetworkView
from jiaozi.operator.wiring import Operator


def network_routes(operator: Operator) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["public"])
    view = NetworkView(
        operator=f"{operator.code:04d}",
        network_id=operator.joined.network.id.hex(),
        genesis=base64.b64encode(operator.joined.genesis).decode(),
    )

    @router.get("/network")
    async def network() -> NetworkView:
        """Give the genesis that this operator belongs to."""
        return view

    return router
