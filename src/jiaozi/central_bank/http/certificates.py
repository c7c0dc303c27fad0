"""The keys of a network over HTTP: what each may do, its certificate, and whether it was revoked.

Public: who checks a header or a receipt believes a certificate for the root's signature on it, not
for where it came from.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from jiaozi.central_bank.registry.control import KeyRecord
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.protocol.certificates import read_unverified
from jiaozi.protocol.domains import NetworkId

_KEY = "22bd6a1a15bd78c94f0f04b3ab36b1b0bd98a9c4b4f8a9a0f4b5de5c1cd5d4d1"


class CertificateView(BaseModel):
    """A key with its one use."""

    public_key: Annotated[str, Field(examples=[_KEY])]
    use: Annotated[str, Field(examples=["registry_block"])]
    operator: Annotated[str, Field(examples=["0000"])]
    not_before_ms: int
    not_after_ms: int
    revoked_ms: Annotated[int | None, Field(description="Block time of its revocation")]
    certificate: Annotated[
        str | None,
        Field(
            description="base64, signed by the root; null for a key of genesis whose "
            "certificate this registry was not given"
        ),
    ]


class CertificatesView(BaseModel):
    """All keys that were ever certified."""

    network_id: str
    keys: list[CertificateView]


def certificate_routes(
    writer: Writer, network: NetworkId, first: Iterable[bytes] = ()
) -> APIRouter:
    """Return the routes; ``first`` are the root's certificates of keys in genesis."""
    router = APIRouter(prefix="/v1", tags=["public"])
    of_genesis = {read_unverified(each).key: each for each in first}

    @router.get("/certificates")
    async def certificates() -> CertificatesView:
        """Tell which keys the network has, what each may do, and which were revoked."""
        records = sorted(writer.control.keys.items())
        return CertificatesView(
            network_id=network.hex(), keys=[_view(record, of_genesis) for _, record in records]
        )

    return router


def _view(record: KeyRecord, of_genesis: Mapping[bytes, bytes]) -> CertificateView:
    certified = record.certified
    certificate = record.certificate or of_genesis.get(certified.key)
    return CertificateView(
        public_key=certified.key.hex(),
        use=certified.use.name.lower(),
        operator=f"{certified.operator:04d}",
        not_before_ms=certified.not_before_ms,
        not_after_ms=certified.not_after_ms,
        revoked_ms=record.revoked_ms,
        certificate=None if certificate is None else b64encode(certificate).decode(),
    )
