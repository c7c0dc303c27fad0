"""Devices of a benchmark, made as any are: by orders that stand in blocks."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from jiaozi.bench.load import RegistryLoad
from jiaozi.bench.market import LOAD_FEN
from jiaozi.bench.network import (
    OPERATORS,
    BenchNetwork,
    certificates,
    signer,
    wallet_number,
    wallet_signer,
)
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use, read_unverified
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.ids import DAY_MS, new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.offline.certificate import Anchor, Chain, Device, Profile, certify_device
from jiaozi.protocol.order_types import Holder, OrderType
from jiaozi.protocol.orders import OrderHead, sign_order
from jiaozi.protocol.suites import Signer, Suite

BATCH = 500
EXCHANGED_FEN = 2 * LOAD_FEN
MONEY_FEN = 10**11
GUARANTEE_FEN = 10**10
_WALLET_CLASS = 1
_LIFETIME_MS = DAY_MS - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """Devices that are enrolled and loaded, by their numbers."""

    anchor: Anchor
    chains: dict[int, Chain]
    certify: dict[int, str]
    now_ms: int


async def enrol_and_load(network: BenchNetwork, registry_url: str, devices: int) -> Founding:
    """Give operators money and guarantees, then open a wallet for each device and load it."""
    orders = _Orders(network, time.time_ns() // 1_000_000)
    founding = Founding(
        anchor=orders.anchor,
        chains={number: orders.chain(number) for number in range(devices)},
        certify={number: f"certify/{_operator(number)}" for number in range(devices)},
        now_ms=orders.now_ms,
    )
    for operator in OPERATORS:
        load = RegistryLoad(operator, network.id)
        own = [number for number in range(devices) if _operator(number) == operator]
        for phase in (
            [orders.fund_reserve(operator)],
            [orders.issue(operator)],
            [orders.fund_guarantee(operator)],
            [orders.open(number) for number in own],
            [orders.exchange(number) for number in own],
            [orders.enrol(number, founding.chains[number]) for number in own],
            [orders.load(number) for number in own],
        ):
            tally = await load.send(registry_url, phase, BATCH)
            assert tally.outcomes["settled"] == len(phase), dict(tally.outcomes)
    return founding


class _Orders:
    def __init__(self, network: BenchNetwork, now_ms: int) -> None:
        known = read_genesis(network.genesis)
        self.anchor = Anchor(network=known.id, root_key=known.root_key)
        self.now_ms = now_ms
        self._certificates = {
            certified.operator: each
            for each in certificates(known)
            if (certified := read_unverified(each)).use is Use.OPERATOR_CERTIFY
        }
        book = next(each for each in shipped().values() if each.hash == known.genesis.rulebook_hash)
        self._limits = book.offline.bounds[Profile.CARD]

    def chain(self, number: int) -> Chain:
        operator = _operator(number)
        device = Device(
            operator=operator,
            suite=Suite.ED25519,
            key=signer(f"device/{number}").public_key,
            profile=Profile.CARD,
            generation=1,
            not_before_ms=self.now_ms,
            not_after_ms=self.now_ms + 300 * DAY_MS,
            limits=self._limits,
        )
        certificate = certify_device(device, signer(f"certify/{operator}"), self.anchor.network)
        return Chain(operator=self._certificates[operator], device=certificate)

    def fund_reserve(self, operator: int) -> bytes:
        ends = (numbers.SETTLEMENT, numbers.reserve_of(operator))
        reference = secrets.token_bytes(32)
        return self._sign(OrderType.FUND_RESERVE, _OFFICERS, ends, MONEY_FEN, reference=reference)

    def issue(self, operator: int) -> bytes:
        signers = [signer(f"vault/{operator}"), *_OFFICERS]
        ends = (numbers.ISSUANCE, numbers.vault_of(operator))
        return self._sign(OrderType.ISSUE, signers, ends, MONEY_FEN)

    def fund_guarantee(self, operator: int) -> bytes:
        ends = (numbers.vault_of(operator), numbers.guarantee_of(operator))
        signers = [signer(f"vault/{operator}")]
        return self._sign(OrderType.FUND_GUARANTEE, signers, ends, GUARANTEE_FEN)

    def open(self, number: int) -> bytes:
        return self._sign(
            OrderType.OPEN_ACCOUNT,
            [signer(f"certify/{_operator(number)}")],
            number=wallet_number(number),
            suite=int(Suite.ED25519),
            key=wallet_signer(number).public_key,
            wallet_class=_WALLET_CLASS,
            holder=int(Holder.PERSONAL),
            group=number.to_bytes(16, "big"),
        )

    def exchange(self, number: int) -> bytes:
        operator = _operator(number)
        ends = (numbers.vault_of(operator), wallet_number(number))
        signers = [signer(f"vault/{operator}")]
        return self._sign(OrderType.EXCHANGE, signers, ends, EXCHANGED_FEN)

    def enrol(self, number: int, chain: Chain) -> bytes:
        return self._sign(
            OrderType.ENROL,
            [signer(f"certify/{_operator(number)}")],
            device_certificate=chain.device,
            wallet=wallet_number(number),
        )

    def load(self, number: int) -> bytes:
        ends = (wallet_number(number), numbers.OFFLINE)
        return self._sign(
            OrderType.LOAD,
            [wallet_signer(number)],
            ends,
            LOAD_FEN,
            device=signer(f"device/{number}").public_key,
            load=1,
        )

    def _sign(
        self,
        order_type: OrderType,
        signers: Sequence[Signer],
        ends: tuple[int, int] | None = None,
        amount_fen: int = 0,
        *,
        reference: bytes | None = None,
        **body: int | bytes | None,
    ) -> bytes:
        head = OrderHead(
            id=new_order_id(self.now_ms, secrets.token_bytes(10)),
            type=order_type,
            expires_ms=self.now_ms + _LIFETIME_MS,
            reference=reference,
        )
        legs = [] if ends is None else [_leg(ends, amount_fen)]
        return sign_order(head, signers, self.anchor.network, legs=legs, **body)


def _leg(ends: tuple[int, int], amount_fen: int) -> Leg:
    debit, credit = map(numbers.AccountNumber, ends)
    return Leg(debit, credit, amount_fen, secrets.token_bytes(SALT_LENGTH))


def _operator(number: int) -> int:
    return OPERATORS[number % len(OPERATORS)]


_OFFICERS = [signer("officer/1"), signer("officer/2")]
