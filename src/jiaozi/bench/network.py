"""The network that a benchmark runs on: keys from fixed seeds, wallets and used ids in bulk.

Wallets are written straight into the registry's database, because opening a million of them by
orders would measure something else; they have the limits of class II and money of their own. The
registry that is measured is the real process over real HTTP, and PostgreSQL writes to disk.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.model import Account, Kind
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.protocol import ids, numbers
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Genesis, Network, read_genesis, sign_genesis
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.suites import Ed25519Signer, Suite
from jiaozi.storage.database import Connection, Database

OPERATORS = (1001, 1002)
WALLET_CLASS = 2
BALANCE_FEN = 1_000_000
"""What each wallet begins with."""
PAYMENT_FEN = 100
MERCHANT = 0
"""The wallet that stands on one side of every order when asked for."""
_VALID_MS = 400 * ids.DAY_MS
_COPY_ROWS = 50_000


def signer(name: str) -> Ed25519Signer:
    """Return the key of a name, the same in every run."""
    return Ed25519Signer(hashlib.sha256(f"jiaozi-bench/{name}".encode()).digest())


def wallet_signer(index: int) -> Ed25519Signer:
    """Return the key of a wallet."""
    return signer(f"wallet/{index}")


def wallet_number(index: int) -> int:
    """Return the number of a wallet; they alternate between the operators."""
    return numbers.account_number(
        OPERATORS[index % len(OPERATORS)], numbers.WALLET_SERIAL_MIN + index
    )


@dataclass(frozen=True, slots=True)
class BenchNetwork:
    """Genesis and its id."""

    genesis: bytes
    id: NetworkId


def make_network(now_ms: int, rulebook_name: str = "2021-06") -> BenchNetwork:
    """Sign a genesis with two officers and two operators."""
    rulebook = next(each for each in shipped().values() if each.name == rulebook_name)
    keys = [
        _key(Use.REGISTRY_BLOCK, "block", now_ms),
        _key(Use.LIST_SIGNING, "list", now_ms),
        _key(Use.OFFICER, "officer/1", now_ms, person=b"1" * 16),
        _key(Use.OFFICER, "officer/2", now_ms, person=b"2" * 16),
    ]
    for operator in OPERATORS:
        keys += [
            _key(Use.OPERATOR_CERTIFY, f"certify/{operator}", now_ms, operator),
            _key(Use.OPERATOR_VAULT, f"vault/{operator}", now_ms, operator),
            _key(Use.OPERATOR_TRANSPORT, f"transport/{operator}", now_ms, operator),
        ]
    genesis = Genesis(
        name="bench",
        created_ms=now_ms,
        rulebook_hash=rulebook.hash,
        keys=tuple(keys),
        quotas_fen=dict.fromkeys(OPERATORS, 10**15),
    )
    encoded = sign_genesis(genesis, signer("root"))
    return BenchNetwork(encoded, read_genesis(encoded).id)


def certificates(network: Network) -> tuple[bytes, ...]:
    """Return the root's certificates of the keys in genesis."""
    return tuple(certify(each, signer("root"), network.id) for each in network.genesis.keys)


async def seed_wallets(database: Database, count: int) -> None:
    """Write wallets into a founded registry."""
    for start in range(0, count, _COPY_ROWS):
        accounts = [_wallet(index) for index in range(start, min(start + _COPY_ROWS, count))]
        async with database.transaction() as connection:
            await store.write_accounts(connection, (), accounts)
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE account", timeout=600)


async def seed_used_ids(connection: Connection, count: int) -> None:
    """Remember orders of the past day, as a registry does that has been busy."""
    now_ms = time.time_ns() // 1_000_000
    today = now_ms // ids.DAY_MS
    await store.remember_days(connection, range(today, today + 9))
    first_ms = today * ids.DAY_MS
    for start in range(0, count, 1_000_000):
        await connection.execute(
            _SEED_IDS.format(day=today + 7),
            today + 7,
            first_ms,
            max(now_ms - first_ms, 1),
            min(1_000_000, count - start),
            timeout=600,
        )
    await connection.execute("VACUUM ANALYZE used_id", timeout=600)


def wallets_of(operator: int, count: int) -> Iterator[int]:
    """Yield the wallets that an operator carries."""
    return (index for index in range(count) if OPERATORS[index % len(OPERATORS)] == operator)


def _key(
    use: Use, name: str, now_ms: int, operator: int = 0, person: bytes | None = None
) -> Certified:
    return Certified(
        use=use,
        operator=operator,
        person=person,
        suite=Suite.ED25519,
        key=signer(name).public_key,
        not_before_ms=now_ms - 1,
        not_after_ms=now_ms + _VALID_MS,
    )


def _wallet(index: int) -> Account:
    number = wallet_number(index)
    is_merchant = index == MERCHANT
    return Account(
        number=number,
        kind=Kind.WALLET,
        operator=numbers.operator_of(number),
        wallet_class=WALLET_CLASS,
        holder=Holder.CORPORATE if is_merchant else Holder.PERSONAL,
        suite=Suite.ED25519,
        key=wallet_signer(index).public_key,
        group_id=hashlib.md5(number.to_bytes(8, "big"), usedforsecurity=False).digest(),
        head=number,
        second_factor_above_fen=None if is_merchant else 10 * PAYMENT_FEN,
        balance_fen=BALANCE_FEN,
        group_balance_fen=BALANCE_FEN,
    )


_SEED_IDS = """
INSERT INTO used_id_{day} (last_expiry_day, id, account, identity, height, position)
SELECT $1, substring(int8send($2::bigint + n * $3::bigint / $4::bigint) FROM 3)
           || set_byte(set_byte(substring(uuid_send(gen_random_uuid()) FROM 7), 0, 112), 2, 128),
       1001000000000000 + n, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 0, 0
FROM generate_series(1, $4::bigint) AS n
"""
