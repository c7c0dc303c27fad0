"""At the end: the registry's own tables against the state that the blocks give.

The blocks may be in order and the registry's tables not: someone wrote to the database, or the
registry posts otherwise than it says. The tables are those of the very height that was rebuilt.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jiaozi.central_bank.audit.follow import Follower
from jiaozi.central_bank.audit.from_database import Snapshot
from jiaozi.central_bank.audit.model import Rule
from jiaozi.central_bank.audit.state import Key
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.state import AccountRecord

_Report = Callable[[str], None]


async def compare_tables(snapshot: Snapshot, follower: Follower) -> None:
    """Compare all that blocks determine with the registry's tables.

    Raises:
        Enough: Enough differs.
    """

    def report(detail: str) -> None:
        follower.findings.add(Rule.REGISTRY_STATE, detail, follower.tip.height)

    await _compare_accounts(snapshot, follower, report)
    state, genesis = follower.state, follower.network.genesis
    keys = {each.key: Key(each) for each in genesis.keys}
    keys |= {each.key: Key(each, revoked) for each, revoked in await snapshot.certified_keys()}
    _compare("key", keys, state.keys, report)
    quotas = {**genesis.quotas_fen, **await snapshot.quotas_fen()}
    _compare("quota of operator", quotas, state.quotas_fen, report)
    rulebooks = {0: genesis.rulebook_hash, **await snapshot.rulebooks()}
    _compare("rulebook from", rulebooks, state.rulebooks, report)
    _compare("carrier of operator", await snapshot.carriers(), state.carriers, report)
    _compare("halt of", await snapshot.halts(), state.halts, report)
    safeguards = {number: each.encoded() for number, each in state.safeguards.items()}
    _compare("safeguards of", await snapshot.safeguards(), safeguards, report)


async def _compare_accounts(snapshot: Snapshot, follower: Follower, report: _Report) -> None:
    accounts = follower.state.accounts
    expected = iter(sorted(accounts))
    number = next(expected, None)
    async for found in snapshot.accounts():
        while number is not None and number < found.number:
            report(f"the registry lacks account {format_number(number)}")
            number = next(expected, None)
        if number != found.number:
            report(f"the registry has account {format_number(found.number)}, the blocks do not")
            continue
        rebuilt = accounts[number].record(number)
        if found != rebuilt:
            _report_fields(found, rebuilt, report)
        number = next(expected, None)
    while number is not None:
        report(f"the registry lacks account {format_number(number)}")
        number = next(expected, None)


def _report_fields(found: AccountRecord, rebuilt: AccountRecord, report: _Report) -> None:
    for name, of_registry, of_blocks in zip(found._fields, found, rebuilt, strict=True):
        if of_registry != of_blocks:
            report(
                f"{name} of account {format_number(found.number)} is {_text(of_registry)}, "
                f"the blocks give {_text(of_blocks)}"
            )


def _compare(
    what: str, found: Mapping[Any, object], rebuilt: Mapping[Any, object], report: _Report
) -> None:
    for name in sorted(found.keys() | rebuilt.keys()):
        if found.get(name) != rebuilt.get(name):
            report(f"the {what} {_text(name)} is another in the registry than in the blocks")


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
