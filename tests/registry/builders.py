"""Wallets and their orders, signed and not sent; each takes a fresh id at the time of the clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, certify
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import OrderId, new_order_id
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import ORDER_TYPES, Holder, OrderType
from jiaozi.protocol.orders import Leg, OrderHead, sign_order
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.network import Keys, key

LIFETIME_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Wallet:
    """A holder's wallet and its key."""

    number: AccountNumber
    signer: Ed25519Signer
    group: bytes

    @property
    def operator(self) -> int:
        """The operator whose prefix the number bears."""
        return int(numbers.operator_of(self.number))


def new_wallet(operator: int, serial: int) -> Wallet:
    """The wallet that goes by an operator and a serial, opened or not."""
    number = numbers.account_number(operator, numbers.WALLET_SERIAL_MIN + serial)
    return Wallet(number, key(f"wallet {number}"), sha256(b"group %d" % number).digest()[:16])


@dataclass(slots=True)
class Orders:
    """Signs orders of every type; each call takes a fresh id at the time of the clock."""

    keys: Keys
    network: NetworkId
    now_ms: Callable[[], int]
    series: int = 0
    _count: int = 0

    def new_id(self) -> OrderId:
        """A fresh order id."""
        return new_order_id(self.now_ms(), self._fresh(10))

    def head(self, order_type: OrderType, **fields: int | bytes | None) -> OrderHead:
        """An order's head with a fresh id, alive for an hour unless `fields` say otherwise."""
        default: dict[str, int | bytes] = {
            "id": self.new_id(),
            "expires_ms": self.now_ms() + LIFETIME_MS,
        }
        if ORDER_TYPES[order_type].needs_reference:
            default["reference"] = self._fresh(32)
        return OrderHead(type=order_type, **{**default, **fields})  # type: ignore[arg-type]

    def leg(self, debit: int, credit: int, amount_fen: int) -> Leg:
        """A leg with a fresh salt."""
        return Leg(AccountNumber(debit), AccountNumber(credit), amount_fen, self._fresh(16))

    def sign(
        self,
        head: OrderHead,
        signers: Sequence[Ed25519Signer],
        legs: Sequence[Leg] = (),
        **body: int | bytes | None,
    ) -> bytes:
        """Any order, signed by anyone."""
        return sign_order(head, signers, self.network, legs=legs, **body)

    def open_account(self, wallet: Wallet, **body: int | bytes | None) -> bytes:
        """Opens a wallet of class II; `body` may set another, limits, a parent, a second factor."""
        fields: dict[str, int | bytes | None] = {
            "number": wallet.number,
            "suite": wallet.signer.suite,
            "key": wallet.signer.public_key,
            "wallet_class": 2,
            "holder": Holder.PERSONAL,
            "group": wallet.group,
            **body,
        }
        signer = self.keys.certify(wallet.operator)
        return self.sign(self.head(OrderType.OPEN_ACCOUNT), [signer], (), **fields)

    def payment(self, payer: Wallet, payee: Wallet, amount_fen: int, **head: int | bytes) -> bytes:
        """Pays from one wallet to another."""
        legs = [self.leg(payer.number, payee.number, amount_fen)]
        return self.sign(self.head(OrderType.PAYMENT, **head), [payer.signer], legs)

    def redeem(self, wallet: Wallet, amount_fen: int, **head: int | bytes) -> bytes:
        """Gives money back to the wallet's operator."""
        legs = [self.leg(wallet.number, numbers.vault_of(wallet.operator), amount_fen)]
        return self.sign(self.head(OrderType.REDEEM, **head), [wallet.signer], legs)

    def exchange(self, wallet: Wallet, amount_fen: int, **head: int | bytes) -> bytes:
        """Gives digital yuan for a deposit."""
        legs = [self.leg(numbers.vault_of(wallet.operator), wallet.number, amount_fen)]
        signer = self.keys.vault(wallet.operator)
        return self.sign(self.head(OrderType.EXCHANGE, **head), [signer], legs)

    def issue(self, operator: int, amount_fen: int, **head: int | bytes) -> bytes:
        """Issues against an operator's reserve, under two officers."""
        legs = [self.leg(numbers.ISSUANCE, numbers.vault_of(operator), amount_fen)]
        signers = [self.keys.vault(operator), *self.keys.officers[:2]]
        return self.sign(self.head(OrderType.ISSUE, **head), signers, legs)

    def destroy(self, operator: int, amount_fen: int, **head: int | bytes) -> bytes:
        """Destroys from an operator's vault, under two officers."""
        legs = [self.leg(numbers.vault_of(operator), numbers.ISSUANCE, amount_fen)]
        signers = [self.keys.vault(operator), *self.keys.officers[:2]]
        return self.sign(self.head(OrderType.DESTROY, **head), signers, legs)

    def fund_reserve(self, operator: int, amount_fen: int, **head: int | bytes) -> bytes:
        """Funds an operator's reserve, under two officers."""
        legs = [self.leg(numbers.SETTLEMENT, numbers.reserve_of(operator), amount_fen)]
        return self.sign(self.head(OrderType.FUND_RESERVE, **head), self.keys.officers[:2], legs)

    def quota(self, operator: int, quota_fen: int) -> bytes:
        """Sets the quota of an operator's vault."""
        return self._by_officers(OrderType.QUOTA, operator=operator, quota_fen=quota_fen)

    def rulebook(self, rulebook_hash: bytes, starts_at_ms: int) -> bytes:
        """Puts a rulebook in force from a time on."""
        return self._by_officers(
            OrderType.RULEBOOK, rulebook_hash=rulebook_hash, starts_at_ms=starts_at_ms
        )

    def certify(self, what: Certified) -> bytes:
        """Makes a key known, by a certificate of the root."""
        certificate = certify(what, self.keys.root, self.network)
        return self._by_officers(OrderType.CERTIFY, certificate=certificate)

    def revoke(self, public_key: bytes) -> bytes:
        """Revokes a key."""
        return self._by_officers(OrderType.REVOKE, key=public_key)

    def by_holder(
        self,
        order_type: OrderType,
        wallet: Wallet,
        *,
        countersigned_by: int | None = None,
        **body: int | bytes | None,
    ) -> bytes:
        """An order about a wallet that its holder signs, and its operator where it is named."""
        signers = [wallet.signer]
        if countersigned_by is not None:
            signers.append(self.keys.certify(countersigned_by))
        return self.sign(self.head(order_type), signers, (), number=wallet.number, **body)

    def by_operator(
        self,
        order_type: OrderType,
        wallet: Wallet,
        *others: Ed25519Signer,
        operator: int | None = None,
        **body: int | bytes | None,
    ) -> bytes:
        """An order about a wallet that its operator signs, and others where they are named."""
        signer = self.keys.certify(operator or wallet.operator)
        return self.sign(self.head(order_type), [signer, *others], (), number=wallet.number, **body)

    def by_officers(self, order_type: OrderType, **body: int | bytes | None) -> bytes:
        """An order of two officers of the central bank."""
        return self._by_officers(order_type, **body)

    def pay_by_mandate(
        self, payer: Wallet, payee: Wallet, amount_fen: int, mandate: bytes, signer: Ed25519Signer
    ) -> bytes:
        """Pays from a wallet with a mandate's key."""
        legs = [self.leg(payer.number, payee.number, amount_fen)]
        return self.sign(self.head(OrderType.MANDATE_PAYMENT), [signer], legs, mandate=mandate)

    def _by_officers(self, order_type: OrderType, **body: int | bytes | None) -> bytes:
        return self.sign(self.head(order_type), self.keys.officers[:2], (), **body)

    def _fresh(self, length: int) -> bytes:
        self._count += 1
        return sha256(b"fresh %d %d" % (self.series, self._count)).digest()[:length]
