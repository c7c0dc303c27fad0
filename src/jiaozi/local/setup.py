"""The first set-up of a directory: a passphrase, every party's keys, the ceremony.

The ceremony's directory appears last and whole. Until it does nobody has relied on any key, so an
interrupted set-up is begun again from nothing.
"""

import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from jiaozi.central_bank.certification.ceremony import (
    CeremonyPlan,
    OperatorKeys,
    OperatorPlan,
    hold_ceremony,
)
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.local.directory import DataDirectory
from jiaozi.local.errors import LocalError
from jiaozi.operator.keys import create_keys
from jiaozi.protocol.certificates import Use
from jiaozi.service.files import write_whole
from jiaozi.service.keys import FileKeyStore, KdfCost

OPERATORS = (1001, 1002)
OFFICERS = ("officer-1", "officer-2", "officer-3")
QUOTA_FEN = 100_000_000_000
"""What an operator's vault may hold at first: a thousand million yuan."""
DEFAULT_RULEBOOK = "2026-11"

_PASSPHRASE_BYTES = 32
_COST = KdfCost(memory_kib=8, passes=1, lanes=1)
"""Stretching adds nothing to 256 random bits, and every process would wait for it."""


class RulebookMissing(LocalError):
    """There is no rulebook of this name."""


def set_up(directory: DataDirectory, *, network_name: str, rulebook: str) -> None:
    """Make what is needed to run the parties; does nothing to a directory that has it.

    Call only while holding the directory.

    Raises:
        RulebookMissing: No rulebook of this name comes with Jiaozi.
    """
    if directory.is_set_up:
        return
    rulebook_hash = _rulebook_hash(rulebook)
    shutil.rmtree(directory.operators, ignore_errors=True)
    passphrase = secrets.token_urlsafe(_PASSPHRASE_BYTES)
    write_whole(directory.passphrase, f"{passphrase}\n".encode(), replace=True)

    def open_store(path: Path) -> FileKeyStore:
        return FileKeyStore(path, passphrase, cost=_COST)

    operators = {}
    for code in OPERATORS:
        place = directory.operator(code)
        operators[code] = _operator(place, open_store(place))
    plan = CeremonyPlan(
        name=network_name,
        created_ms=time.time_ns() // 1_000_000,
        rulebook_hash=rulebook_hash,
        officers=dict.fromkeys(OFFICERS),
        operators=operators,
    )
    hold_ceremony(plan, directory.network.directory, open_store=open_store)


def _operator(directory: Path, store: FileKeyStore) -> OperatorPlan:
    public = create_keys(store, directory)
    keys = OperatorKeys(
        certify=public[Use.OPERATOR_CERTIFY],
        vault=public[Use.OPERATOR_VAULT],
        transport=public[Use.OPERATOR_TRANSPORT],
    )
    return OperatorPlan(quota_fen=QUOTA_FEN, keys=keys)


def _rulebook_hash(name: str) -> bytes:
    by_name: Mapping[str, bytes] = {each.name: each.hash for each in shipped().values()}
    if name not in by_name:
        raise RulebookMissing(
            happened=f"There is no rulebook {name}.",
            remedy=f"Choose one of {', '.join(sorted(by_name))}.",
        )
    return by_name[name]
