"""A market without network: purses that pay one another by their own rules, and a few that cheat.

Every payment is asked for, made and collected by the steps that real devices take, signatures and
certificates checked on both sides. A cheat is a copied device: the copy pays somebody else under
the same counter, and is thrown away. What comes out are the logs that all devices hand in.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import cbor2

from jiaozi.bench.connection import LoadConnection, request_head
from jiaozi.bench.load import close_all, connect_all
from jiaozi.bench.network import signer
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import loading, steps, synchronisation
from jiaozi.protocol.offline.certificate import Anchor, Chain
from jiaozi.protocol.offline.operator_messages import Load, sign_load
from jiaozi.protocol.offline.purse import Purse, new_purse
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer

LOAD_FEN = 50_000
AMOUNT_MAX_FEN = 2_000
SUBMITTED_TWICE = 0.1
"""Of the logs are handed in again, at whichever operator."""
_LOGS_PATH = "/v1/offline/logs"
_SETTLED = 1
_TRIES_MAX = 10
_OUT_OF_MONEY = {Code.PURSE_FUNDS, Code.PURSE_OUT_COUNT, Code.PURSE_OUT_LIMIT}
_OUT_OF_ROOM = {Code.PURSE_BALANCE_CAP, Code.PURSE_IN_COUNT, Code.PURSE_IN_LIMIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalls:
    """The devices of one market, by their numbers, with all they need to begin."""

    anchor: Anchor
    chains: dict[int, Chain]
    certify: dict[int, str]
    """Name of the certify key of each device's operator."""
    payments: int
    double_spends: int
    seed: int
    now_ms: int


@dataclass(slots=True, kw_only=True)
class Traded:
    """What happened on a market; amounts in fen, times in milliseconds."""

    payments: int = 0
    double_spends: int = 0
    cheats: set[bytes] = field(default_factory=set)
    balances_fen: dict[bytes, int] = field(default_factory=dict)
    """What honest devices hold, by key."""
    collect_ms: list[float] = field(default_factory=list)
    message_bytes_max: int = 0


class Market:
    """Purses and their keys; lives in a generator process."""

    def __init__(self) -> None:
        self._signers: dict[int, Ed25519Signer] = {}
        self._purses: dict[int, Purse] = {}
        self._logs: list[bytes] = []

    async def trade(self, stalls: Stalls) -> Traded:
        """Load every purse, and let them pay one another until all payments are made."""
        rng = random.Random(stalls.seed)  # noqa: S311 - a fixed seed makes runs alike
        self._open(stalls)
        told, numbers = Traded(), list(stalls.chains)
        cheating = set(
            rng.sample(range(stalls.payments - stalls.double_spends), stalls.double_spends)
        )
        expires_ms = stalls.now_ms + DAY_MS
        owed = 0
        while told.payments < stalls.payments:
            payer, payee, victim = rng.sample(numbers, 3)
            amount_fen = rng.randint(1, AMOUNT_MAX_FEN)
            before = self._purses[payer]
            if not self._pay(payer, payee, amount_fen, expires_ms, rng, told):
                continue
            owed += told.payments - told.double_spends in cheating
            told.payments += 1
            if owed:
                after, self._purses[payer] = self._purses[payer], before
                if self._pay(payer, victim, amount_fen, expires_ms, rng, told):
                    owed -= 1
                    told.double_spends += 1
                    told.payments += 1
                    told.cheats.add(before.device.key)
                self._purses[payer] = after
        self._close(told)
        return told

    async def hand_in(self, urls: Sequence[str], connections: int, seed: int) -> Counter[str]:
        """Hand all logs in, shuffled and some twice, and again until everything is settled."""
        rng = random.Random(seed)  # noqa: S311
        waiting = self._logs + rng.sample(self._logs, int(len(self._logs) * SUBMITTED_TWICE))
        rng.shuffle(waiting)
        opened = [
            (connection, list[bytes]())
            for url in urls
            for connection in await connect_all(url, connections)
        ]
        outcomes: Counter[str] = Counter()
        head = request_head("POST", _LOGS_PATH, {"content-type": "application/cbor-seq"})

        async def work(connection: LoadConnection, again: list[bytes]) -> None:
            while waiting:
                log = waiting.pop()
                reply = await connection.request(head, log)
                if reply.status != 200:
                    outcomes[f"http {reply.status}"] += 1
                    again.append(log)
                elif any(row[3] != _SETTLED for row in cbor2.loads(reply.body)):
                    again.append(log)

        for _ in range(_TRIES_MAX):
            await asyncio.gather(*(work(*each) for each in opened))
            waiting = [log for _, again in opened for log in again]
            for _, again in opened:
                again.clear()
            if not waiting:
                break
        outcomes["unsettled logs"] = len(waiting)
        close_all([connection for connection, _ in opened])
        return outcomes

    def _open(self, stalls: Stalls) -> None:
        for number, chain in stalls.chains.items():
            own = signer(f"device/{number}")
            load = Load(device=own.public_key, number=1, amount_fen=LOAD_FEN, order=bytes(32))
            certify = signer(stalls.certify[number])
            message = sign_load(load, certify, chain.operator, stalls.anchor.network)
            self._signers[number] = own
            self._purses[number] = loading.take_load(new_purse(chain, stalls.anchor), message)

    def _pay(
        self, payer: int, payee: int, amount_fen: int, expires_ms: int, rng: random.Random,
        told: Traded,
    ) -> bool:  # fmt: skip
        """Let one purse pay another; False when either may not."""
        try:
            asking, request = steps.ask(
                self._purses[payee], amount_fen=amount_fen, challenge=rng.randbytes(16),
                expires_ms=expires_ms, signer=self._signers[payee],
            )  # fmt: skip
            paying, payment = steps.pay(
                self._purses[payer], request, salt=rng.randbytes(16), signer=self._signers[payer]
            )
        except Refusal as refusal:
            if refusal.code not in _OUT_OF_MONEY | _OUT_OF_ROOM:
                raise
            return False
        started = time.process_time()
        collecting, _ = steps.collect(asking, payment, signer=self._signers[payee])
        told.collect_ms.append((time.process_time() - started) * 1000)
        told.message_bytes_max = max(told.message_bytes_max, len(request), len(payment))
        self._purses[payer], self._purses[payee] = paying, collecting
        return True

    def _close(self, told: Traded) -> None:
        for number, purse in self._purses.items():
            self._logs.append(synchronisation.hand_in(purse, signer=self._signers[number]))
            if purse.device.key not in told.cheats:
                told.balances_fen[purse.device.key] = purse.balance_fen
        self._purses.clear()
