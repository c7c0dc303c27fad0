"""What the central bank and the auditor say at the end, by their own commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jiaozi.demo.commands import run_command
from jiaozi.demo.errors import DemoFailed
from jiaozi.local.network import LocalNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What `jiaozi audit` found; the verdict is ``ok`` or the first difference."""

    verdict: str
    blocks: int
    orders: int
    accounts: int
    issued_fen: int
    destroyed_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """An operator's day so far, as `jiaozi central-bank day` states it; amounts in fen.

    Attributes:
        operator: Its code, in four digits.
        date: The day in UTC+8, such as 2026-05-29.
        difference_fen: What the movements do not explain of vault and reserve.
    """

    operator: str
    date: str
    opening_fen: int
    issued_fen: int
    destroyed_fen: int
    exchanged_fen: int
    redeemed_fen: int
    set_aside_fen: int
    released_fen: int
    vault_fen: int
    reserve_fen: int
    difference_fen: int


async def audit_from_genesis(network: LocalNetwork, state: Path) -> Audit:
    """Rebuild both ledgers from the blocks by the auditor's key.

    Args:
        network: Whose registry is audited.
        state: Where the audit keeps how far it came.

    Raises:
        DemoFailed: It could not be run.
    """
    directory = network.directory
    told = await run_command(
        "audit",
        *("--url", network.central_bank_url),
        *("--keys", str(directory.network.auditor)),
        *("--passphrase-file", str(directory.passphrase)),
        *("--network", directory.network.network_id.read_text("ascii").strip()),
        *("--state", str(state)),
        may_refuse=True,
    )
    if "audit" not in told:
        raise DemoFailed(detail=f"The audit could not be run: {told}")
    return Audit(
        verdict=told["audit"],
        blocks=told["blocks"],
        orders=told["orders"],
        accounts=told["accounts"],
        issued_fen=told["issued_fen"],
        destroyed_fen=told["destroyed_fen"],
    )


async def state_days(network: LocalNetwork) -> tuple[Day, ...]:
    """State every operator's day so far.

    Raises:
        DemoFailed: It could not be stated.
    """
    told = await run_command(
        "central-bank", "day", "--dsn", network.central_bank_dsn, may_refuse=True
    )
    if "statements" not in told:
        raise DemoFailed(detail=f"The day could not be stated: {told}")
    return tuple(map(_day, told["statements"]))


def _day(stated: Mapping[str, Any]) -> Day:
    return Day(
        operator=stated["operator"],
        date=stated["day"],
        opening_fen=stated["opening_fen"],
        issued_fen=stated["issued_fen"],
        destroyed_fen=stated["destroyed_fen"],
        exchanged_fen=stated["exchanged_fen"],
        redeemed_fen=stated["redeemed_fen"],
        set_aside_fen=stated["set_aside_fen"],
        released_fen=stated["released_fen"],
        vault_fen=stated["vault_fen"],
        reserve_fen=stated["reserve_fen"],
        difference_fen=stated["difference_fen"],
    )
