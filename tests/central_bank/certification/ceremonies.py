"""Ceremonies with visible defaults, quick to hold."""

from collections.abc import Mapping
from pathlib import Path

from jiaozi.central_bank.certification.ceremony import CeremonyPlan, OperatorPlan, hold_ceremony
from jiaozi.central_bank.certification.keys import OFFICER_KEY, VAULT_KEY, KeyPlaces
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.suites import Signer
from jiaozi.service.keys import FileKeyStore, KdfCost, KeyStore

NOW_MS = 1_790_000_000_000
RULEBOOK_HASH = b"\x07" * 32
OFFICERS: Mapping[str, bytes | None] = {"officer-1": None, "officer-2": None, "officer-3": None}
OPERATORS = {1001: OperatorPlan(quota_fen=10**12), 1002: OperatorPlan(quota_fen=0)}


def open_store(path: Path) -> KeyStore:
    """The key store of a holder; each has a passphrase of its own."""
    cost = KdfCost(memory_kib=64, passes=1, lanes=1)
    return FileKeyStore(path, f"passphrase of {path.name}", cost=cost)


def plan(
    officers: Mapping[str, bytes | None] = OFFICERS,
    operators: Mapping[int, OperatorPlan] = OPERATORS,
    name: str = "test",
) -> CeremonyPlan:
    return CeremonyPlan(
        name=name,
        created_ms=NOW_MS,
        rulebook_hash=RULEBOOK_HASH,
        officers=officers,
        operators=operators,
    )


def hold(directory: Path, what: CeremonyPlan | None = None) -> Network:
    return hold_ceremony(what or plan(), directory, open_store=open_store)


def officer(directory: Path, label: str) -> Signer:
    return open_store(KeyPlaces(directory).officer(label)).signer(OFFICER_KEY)


def vault(directory: Path, code: int) -> Signer:
    return open_store(KeyPlaces(directory).operator(code)).signer(VAULT_KEY)
