"""Report what devices did that they must not: proofs, what was paid for it, what still waits."""

from collections.abc import Iterator
from dataclasses import dataclass

from jiaozi.operator.offline import payment_store, store, stranger_store
from jiaozi.operator.offline.authority import Authority
from jiaozi.operator.offline.model import DeviceRecord, Stranger
from jiaozi.operator.offline.payment_store import DoubleSpend, Waiting
from jiaozi.protocol.offline.certificate import Chain
from jiaozi.protocol.offline.messages import with_chain
from jiaozi.protocol.offline.proofs import Proof, double_spend_proof, verify_proof
from jiaozi.protocol.refusals import Code
from jiaozi.storage.database import Connection, Database

WAITING_MAX = 1_000
STRANGERS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A proof, verified, with its bytes: a file that anyone can verify again."""

    proof: Proof
    encoded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a compliance officer is shown.

    Attributes:
        covered_fen: What the guarantee paid to payees, by the device that spent too much.
        waiting: Payments that the registry refused for now.
        given_up: How many payments were nobody's to settle here, by what they were refused with.
        strangers: Devices that nobody enrolled: somebody else has the certify key that made them.
    """

    cases: list[Case]
    covered_fen: dict[bytes, int]
    suspected: list[DeviceRecord]
    waiting: list[Waiting]
    given_up: dict[Code, int]
    strangers: list[Stranger]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCases:
    """The use case; its dependencies."""

    authority: Authority
    database: Database

    async def __call__(self) -> Report:
        """Return all cases that the operator knows of.

        Raises:
            Refusal: The registry does not answer.
        """
        async with self.database.connection() as connection:
            spent = await payment_store.double_spends(connection)
            chains = {each.device: await _chain(connection, each.device) for each in spent}
            logs = await store.cases(connection)
            suspected = await store.suspected(connection)
            waiting = await payment_store.waiting(connection, limit=WAITING_MAX)
            given_up = await payment_store.given_up(connection)
            strangers = await stranger_store.taken_up(connection, limit=STRANGERS_MAX)
        encoded = [*_proofs(spent, chains), *(each.proof for each in logs)]
        cases = [
            Case(proof=verify_proof(each, self.authority.anchor), encoded=each) for each in encoded
        ]
        devices = sorted({each.proof.device for each in cases})
        return Report(
            cases=cases,
            covered_fen={each: await self._covered_fen(each) for each in devices},
            suspected=suspected,
            waiting=waiting,
            given_up=given_up,
            strangers=strangers,
        )

    async def _covered_fen(self, device: bytes) -> int:
        known = await self.authority.device(device)
        return 0 if known is None else known.covered_fen


async def _chain(connection: Connection, device: bytes) -> Chain | None:
    order = await store.enrolled(connection, device)
    return None if order is None else order.chain


def _proofs(spent: list[DoubleSpend], chains: dict[bytes, Chain | None]) -> Iterator[bytes]:
    for each in spent:
        chain = chains[each.device]
        if chain is not None:
            yield double_spend_proof(with_chain(each.first, chain), with_chain(each.second, chain))
