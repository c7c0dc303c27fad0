"""The state that blocks determine, as an audit rebuilds it: all accounts, and control."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappush
from typing import Any, NamedTuple

from jiaozi.central_bank.audit.accounts import Account, Group, Terms
from jiaozi.central_bank.audit.devices import Device, Devices
from jiaozi.central_bank.audit.model import AuditStopped
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.genesis import Genesis
from jiaozi.protocol.numbers import (
    ISSUANCE,
    OFFLINE,
    SETTLEMENT,
    guarantee_of,
    reserve_of,
    vault_of,
)
from jiaozi.protocol.safeguards import Safeguards, read_safeguards
from jiaozi.protocol.state import (
    AccountKind,
    AccountRecord,
    carrier_record,
    funding_record,
    halt_record,
    key_record,
    quota_record,
    rulebook_record,
    safeguards_record,
    totals_record,
)

CONTRA_KINDS = frozenset((AccountKind.ISSUANCE, AccountKind.SETTLEMENT))
"""The two that stand below zero, so that each ledger sums to nothing."""
RESERVE_KINDS = frozenset((AccountKind.SETTLEMENT, AccountKind.RESERVE))
_WALLETS_AT_A_TIME = 1_000


class Key(NamedTuple):
    """A certified key, and whether it was revoked."""

    certified: Certified
    revoked: bool = False


class Halt(NamedTuple):
    """A stop until a time, or a slow-down."""

    until_ms: int
    orders_per_s: int | None


class DueSweeps(NamedTuple):
    """Sweeps that have to come directly after a payment, and its legs that call for none."""

    legs: list[tuple[int, int, int]]
    others: list[tuple[int, int, int]]


class State:
    """Accounts and safeguards by number, keys, quotas, rulebooks, carriers, halts."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.keys: dict[bytes, Key] = {}
        self.block_certificates: list[bytes] = []
        """Of the keys that sign blocks and are not in genesis, as the root signed them."""
        self.quotas_fen: dict[int, int] = {}
        self.rulebooks: dict[int, bytes] = {}
        self.funded: set[bytes] = set()
        self.carriers: dict[int, int] = {}
        self.halts: dict[tuple[int, int], Halt] = {}
        self.safeguards: dict[int, Safeguards] = {}
        self.devices = Devices()
        self.due: list[tuple[int, int]] = []
        """A heap of when something of a wallet may be due, with its number; some no longer are."""
        self.library: Mapping[bytes, Rulebook] = {}
        """The rulebook files at hand, by hash."""
        self.issued_fen = 0
        self.destroyed_fen = 0
        self.sums_fen: list[int] = [0] * (max(AccountKind) + 1)
        """The sum of all balances of each kind of account."""
        self._terms: dict[Terms, Terms] = {}
        self._firsts: dict[int, dict[bytes, int]] = {}
        """The first wallet of each group, by the operator that opened it and the group's id."""
        self._in_force: tuple[int, Rulebook] | None = None
        self.due_sweeps = DueSweeps([], [])

    @classmethod
    def from_genesis(cls, genesis: Genesis) -> "State":
        """Return the state after block 0."""
        state = cls()
        state.quotas_fen = dict(genesis.quotas_fen)
        state.rulebooks = {0: genesis.rulebook_hash}
        state.open_institution(ISSUANCE, AccountKind.ISSUANCE)
        state.open_institution(SETTLEMENT, AccountKind.SETTLEMENT)
        state.open_institution(OFFLINE, AccountKind.OFFLINE)
        for each in genesis.keys:
            state.keys[each.key] = Key(each)
            if each.use is Use.OPERATOR_VAULT:
                state.open_operator(each)
        return state

    def open_operator(self, vault_key: Certified) -> None:
        """Open the accounts of an operator: vault, reserve and guarantee."""
        operator = vault_key.operator
        self.open_institution(vault_of(operator), AccountKind.VAULT, vault_key)
        self.open_institution(reserve_of(operator), AccountKind.RESERVE, vault_key)
        self.open_institution(guarantee_of(operator), AccountKind.GUARANTEE, vault_key)

    def give_vault_key(self, certified: Certified) -> None:
        """Give an operator's vault another key."""
        vault = self.accounts[vault_of(certified.operator)]
        vault.terms = vault.terms._replace(suite=int(certified.suite))
        vault.key = certified.key

    def open_institution(
        self, number: int, kind: AccountKind, certified: Certified | None = None
    ) -> None:
        """Open an account of an institution; those of the central bank have no key."""
        terms = Terms(int(kind), 0, 0)
        if certified is not None:
            terms = Terms(int(kind), certified.operator, int(certified.suite))
        key = certified.key if certified else b""
        self.open(number, Account(terms, key, number.to_bytes(16, "big")))

    def open(self, number: int, account: Account) -> None:
        """Add an account; a wallet joins those of its holder at its operator."""
        account.terms = self._terms.setdefault(account.terms, account.terms)
        self.accounts[number] = account
        self.sums_fen[account.terms.kind] += account.balance_fen
        if account.terms.kind == AccountKind.WALLET:
            first = self._first_of_group(account.group_id, account.terms.operator)
            if first is not None:
                account.join(self.accounts[first])
            else:
                self._firsts.setdefault(account.terms.operator, {})[account.group_id] = number

    def _first_of_group(self, group_id: bytes, operator: int) -> int | None:
        """Return the first wallet of a group at an operator, or at one that it carries."""
        carried = (failed for failed, by in self.carriers.items() if by == operator)
        for each in (operator, *carried):
            first = self._firsts.get(each, {}).get(group_id)
            if first is not None:
                return first
        return None

    def move(self, legs: Iterable[tuple[int, int, int]]) -> list[int]:
        """Move money between accounts that exist, debits before credits.

        Returns:
            The debited accounts that were below zero, or below what is frozen of them, before
            anything was credited, contra accounts aside.
        """
        accounts, sums = self.accounts, self.sums_fen
        below = []
        for debit, _, amount in legs:
            account = accounts[debit]
            kind, frozen_fen = account.terms.kind, account.terms.frozen_fen
            account.balance_fen -= amount
            sums[kind] -= amount
            if account.group is not None:
                account.group.balance_fen -= amount
            if account.balance_fen < frozen_fen and kind not in CONTRA_KINDS:
                below.append(debit)
        for _, credit, amount in legs:
            account = accounts[credit]
            account.balance_fen += amount
            sums[account.terms.kind] += amount
            if account.group is not None:
                account.group.balance_fen += amount
        return below

    def rulebook_at(self, time_ms: int) -> Rulebook:
        """Return the rulebook in force at a block time.

        Raises:
            AuditStopped: Its file is not at hand.
        """
        if self._in_force is not None and self._in_force[0] == time_ms:
            return self._in_force[1]
        started = max(start for start in self.rulebooks if start <= time_ms)
        book = self.library.get(self.rulebooks[started])
        if book is None:
            wanted = self.rulebooks[started].hex()
            raise AuditStopped(
                reason=f"limits and delays are those of the rulebook {wanted}, and no file has "
                "that hash: name its directory with --rulebooks"
            )
        self._in_force = (time_ms, book)
        return book

    def put_in_force(self, starts_at_ms: int, rulebook_hash: bytes) -> None:
        """Have a rulebook apply from a time on."""
        self.rulebooks[starts_at_ms] = rulebook_hash
        self._in_force = None

    def operator_of(self, account: Account) -> int:
        """Return who carries an account: a failed operator's wallets have another."""
        operator = account.terms.operator
        if account.terms.kind == AccountKind.WALLET:
            return self.carriers.get(operator, operator)
        return operator

    def group_of(self, number: int | None) -> bytes | None:
        """Return the id of a wallet's group; None without such a wallet."""
        account = None if number is None else self.accounts.get(number)
        return None if account is None else account.group_id

    def retermed(self, number: int, **terms: Any) -> None:  # noqa: ANN401 - the fields of Terms
        """Give an account other terms."""
        account = self.accounts[number]
        changed = account.terms._replace(**terms)
        account.terms = self._terms.setdefault(changed, changed)

    def guard(self, number: int, safeguards: Safeguards) -> None:
        """Give a wallet other safeguards; what they freeze follows."""
        if safeguards.is_empty:
            self.safeguards.pop(number, None)
        else:
            self.safeguards[number] = safeguards
        if safeguards.due_ms is not None:
            heappush(self.due, (safeguards.due_ms, number))
        self.retermed(number, freezes=safeguards.freeze_bits, frozen_fen=safeguards.frozen_fen)

    def records(self) -> Iterator[bytes]:
        """Yield the state in the records whose hash a header names."""
        accounts = self.accounts
        for number in sorted(accounts):
            yield accounts[number].record(number).encoded()
        for _, key in sorted(self.keys.items()):
            yield key_record(key.certified, revoked=key.revoked)
        for operator, quota_fen in sorted(self.quotas_fen.items()):
            yield quota_record(operator, quota_fen)
        for starts_at_ms, rulebook_hash in sorted(self.rulebooks.items()):
            yield rulebook_record(starts_at_ms, rulebook_hash)
        yield from map(funding_record, sorted(self.funded))
        yield totals_record(self.issued_fen, self.destroyed_fen)
        for operator, carrier in sorted(self.carriers.items()):
            yield carrier_record(operator, carrier)
        for (scope, subject), halt in sorted(self.halts.items()):
            yield halt_record(scope, subject, *halt)
        for number, safeguards in sorted(self.safeguards.items()):
            yield safeguards_record(number, safeguards.encoded())
        yield from self.devices.records()

    def take_record(self, record: list[Any]) -> None:
        """Take in one record of a state whose hash was compared."""
        kind, *items = record
        match kind:
            case 1:
                account = AccountRecord(*items)
                terms = Terms(
                    account.kind, account.operator, account.suite, account.wallet_class,
                    account.holder, *account[9:17],
                )  # fmt: skip
                self.open(
                    account.number,
                    Account(
                        terms,
                        account.key,
                        account.group_id,
                        account.parent,
                        account.balance_fen,
                    ),
                )
            case 2:
                key, suite, use, operator, person, not_before_ms, not_after_ms, revoked = items
                certified = Certified(
                    use=Use(use), operator=operator, suite=suite, key=key, person=person,
                    not_before_ms=not_before_ms, not_after_ms=not_after_ms,
                )  # fmt: skip
                self.keys[key] = Key(certified, revoked)
            case 3:
                self.quotas_fen[items[0]] = items[1]
            case 4:
                self.rulebooks[items[0]] = items[1]
            case 5:
                self.funded.add(items[0])
            case 6:
                self.issued_fen, self.destroyed_fen = items
            case 7:
                self.carriers[items[0]] = items[1]
            case 8:
                self.halts[items[0], items[1]] = Halt(*items[2:])
            case 9:
                self.guard(items[0], read_safeguards(items[1]))
            case 10:
                device = Device(*items)
                self.devices.put(device, self.group_of(device.wallet))
            case _:
                self.devices.take_list(*items)

    def spending(self) -> Iterator[list[int]]:
        """Yield what limits count: ``[spent on, that day, that year, number, ...]``.

        One for each wallet that has spent; then those of groups, with some of their wallets each.
        """
        groups: dict[Group, list[int]] = {}
        for number, account in self.accounts.items():
            if account.spent_on:
                yield [*account.spending, number]
            if account.group is not None:
                groups.setdefault(account.group, []).append(number)
        for group, (first, *others) in groups.items():
            for start in range(0, len(others), _WALLETS_AT_A_TIME):
                some = others[start : start + _WALLETS_AT_A_TIME]
                yield [*group.spending, first, *some]

    def take_spending(self, item: list[int]) -> None:
        """Take in what limits count, when all accounts are there."""
        spent_on, day_fen, year_fen, first, *others = item
        account = self.accounts[first]
        for number in others:
            other = self.accounts[number]
            if other.group is None or other.group is not account.group:
                other.join(account)
        (account.whole if others else account).restore(spent_on, day_fen, year_fen)
