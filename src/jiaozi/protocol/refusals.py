"""The catalogue of refusals: every way in which a party says no.

A refusal has a stable number and name, typed fields that tell what to do next, and whether to try
again. There are three ranges, in the order in which a registry checks:

- **1-99, request**: the bytes, the signatures or the caller are not right. Nothing was taken, no
  order id is used up.
- **100-199, final**: the order was well formed and signed by the right keys, so this outcome stands
  in a block and is final for that id (rules.md §C.2).
- **200-299, operator**: refused by an operator before anything was sent to the registry.
- **300-399, purse**: refused by a purse, or by whoever reads what purses say; no value moved.

In blocks a refusal is the list ``[code, field, ...]`` of unsigned integers in the order of the
catalogue's fields; a settled order is ``[0]``. No text ever enters a block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from jiaozi.protocol.codes import Code as Code
from jiaozi.protocol.codes import PayeeCause as PayeeCause


class Retry(Enum):
    """Whether sending again can help."""

    NEVER = "never"
    SAME_ORDER = "same_order"
    AFTER_CHANGE = "after_change"


FINAL_CODES = range(100, 200)
"""What may stand in a block and is final for an order id, those of later versions too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue: what the refusal means, its fields, what to do."""

    retry: Retry
    meaning: str
    fields: tuple[str, ...] = ()


_N, _S, _A = Retry.NEVER, Retry.SAME_ORDER, Retry.AFTER_CHANGE

CATALOGUE: Mapping[Code, Entry] = {
    Code.MALFORMED: Entry(_N, "A field is missing, unknown or of the wrong type.", ("field",)),
    Code.NOT_CANONICAL: Entry(
        _N, "The bytes are not deterministic CBOR (RFC 8949 §4.2).", ("field",)
    ),
    Code.TOO_LARGE: Entry(_N, "More bytes or items than this place takes.", ("field", "limit")),
    Code.SUITE_UNSUPPORTED: Entry(_N, "This signature suite is not checked here.", ("suite",)),
    Code.SIGNATURE_INVALID: Entry(
        _N,
        "A signature does not verify: changed bytes, another key, or a signature made for another "
        "kind of message or another network.",
    ),
    Code.OTHER_NETWORK: Entry(_N, "The request names another network than this one."),
    Code.AMOUNT_OUT_OF_RANGE: Entry(
        _N, "An amount is an integer of fen from 1 to 2^63 - 1, the sum of the legs too."
    ),
    Code.LEG_HASH_DIFFERS: Entry(
        _N, "The legs beside the order are not those that were signed.", ("leg",)
    ),
    Code.LEGS_NOT_ALLOWED: Entry(
        _N, "This order type does not move money between these accounts.", ("leg",)
    ),
    Code.TO_SELF: Entry(_N, "A leg debits and credits the same account.", ("leg",)),
    Code.NUMBER_INVALID: Entry(_N, "An account number is malformed or its check digit wrong."),
    Code.ACCOUNT_UNKNOWN: Entry(_N, "The account that the order acts for does not exist."),
    Code.SIGNER_FOREIGN: Entry(_N, "Signed by a key that is not the account's."),
    Code.SIGNER_MISSING: Entry(
        _A, "A signer that this order needs has not signed.", ("signers_needed", "signers_found")
    ),
    Code.CERTIFICATE_UNKNOWN: Entry(_N, "The signing key has no certificate in this network."),
    Code.CERTIFICATE_OTHER_USE: Entry(_N, "The signing key is certified for another use."),
    Code.CERTIFICATE_REVOKED: Entry(_N, "The certificate of the signing key was revoked."),
    Code.CERTIFICATE_NOT_VALID_NOW: Entry(_N, "The certificate has expired or not begun."),
    Code.OTHER_OPERATOR: Entry(_N, "The registry takes a wallet's orders from its operator only."),
    Code.ID_REUSED: Entry(_N, "This order id already stands for another order; use a new id."),
    Code.EXPIRED: Entry(
        _A, "The order had expired at this block time; it can never settle.", ("block_time_ms",)
    ),
    Code.LIFETIME_TOO_LONG: Entry(
        _A, "The expiry lies too long after the time in the order id.", ("lifetime_ms_max",)
    ),
    Code.ID_TIME_AHEAD: Entry(
        _A, "The time in the order id is ahead of block time: set the clock.", ("block_time_ms",)
    ),
    Code.REQUEST_UNSIGNED: Entry(_N, "The request needs an HTTP message signature (RFC 9421)."),
    Code.REQUEST_SIGNATURE_INVALID: Entry(
        _N, "The HTTP message signature does not verify, is too old or by an unknown key."
    ),
    Code.DIGEST_DIFFERS: Entry(_N, "The body is not the one whose digest was signed."),
    Code.NOT_ALLOWED: Entry(_N, "The caller may not read or do this."),
    Code.NOT_FOUND: Entry(_N, "There is nothing at this address."),
    Code.METHOD_NOT_ALLOWED: Entry(_N, "This address takes another method."),
    Code.REQUEST_REPLAYED: Entry(_A, "This very request was taken before; sign a new one."),
    Code.BUSY: Entry(
        _S,
        "Too much at once, of all callers or of this one; nothing was taken.",
        ("retry_after_ms",),
    ),
    Code.UNAVAILABLE: Entry(
        _S, "The service cannot write now; nothing that was acknowledged is lost."
    ),
    Code.UNKNOWN: Entry(
        _S, "No answer in time: the order may settle yet. Ask again by its id or send it again."
    ),
    Code.HALTED: Entry(
        _A, "The central bank has halted orders of this kind until then.", ("until_ms",)
    ),
    Code.NOT_YET_VALID: Entry(_A, "The order begins later.", ("not_before_ms",)),
    Code.ACCOUNT_CLOSED: Entry(_A, "The account is closed."),
    Code.ACCOUNT_FROZEN: Entry(_A, "The account is frozen for debits."),
    Code.SECOND_FACTOR_REQUIRED: Entry(
        _A, "Above this amount the operator signs too, after a PIN.", ("above_fen",)
    ),
    Code.LIMIT_SINGLE: Entry(_A, "More than the limit of one payment.", ("limit_fen",)),
    Code.LIMIT_DAY: Entry(
        _A, "More than is left of the limit of this day (UTC+8).", ("limit_fen", "left_fen")
    ),
    Code.LIMIT_YEAR: Entry(
        _A, "More than is left of the limit of this year (UTC+8).", ("limit_fen", "left_fen")
    ),
    Code.INSUFFICIENT_FUNDS: Entry(_A, "The balance does not cover it.", ("available_fen",)),
    Code.PAYEE_CANNOT_RECEIVE: Entry(_A, "A payee cannot receive this payment."),
    Code.ACCOUNT_EXISTS: Entry(_A, "This account number is taken; numbers are never reused."),
    Code.CLASS_UNKNOWN: Entry(_A, "The rulebook in force has no such wallet class."),
    Code.QUOTA_EXCEEDED: Entry(
        _A, "The vault would hold more than its quota.", ("quota_fen", "left_fen")
    ),
    Code.RESERVE_INSUFFICIENT: Entry(_A, "The reserve does not cover it.", ("available_fen",)),
    Code.RULEBOOK_UNKNOWN: Entry(_A, "No rulebook of this hash is at the registry."),
    Code.STARTS_IN_THE_PAST: Entry(_A, "A rulebook starts after block time.", ("block_time_ms",)),
    Code.CERTIFICATE_INVALID: Entry(
        _A,
        "The certificate in the order is malformed, not the root's or of a known key, or gives a "
        "vault a key that is not valid now.",
    ),
    Code.LAST_OFFICERS: Entry(_A, "Two officers with valid certificates must remain."),
    Code.SUM_TOO_LARGE: Entry(_A, "More than all accounts of one kind can hold together."),
    Code.OPERATOR_UNKNOWN: Entry(_A, "This network has no such operator."),
    Code.FUNDED_BEFORE: Entry(_A, "The payment of this reference has funded a reserve before."),
    Code.LIMIT_NOT_LOWER: Entry(
        _A, "This would raise an own limit: that takes the operator and a delay.", ("limit_fen",)
    ),
    Code.FREEZE_EXISTS: Entry(_A, "The account has a freeze of this authority and case number."),
    Code.FREEZE_UNKNOWN: Entry(
        _A, "The account has no freeze of this case number that this signer may lift."
    ),
    Code.BALANCE_NOT_ZERO: Entry(_A, "A wallet closes at zero.", ("balance_fen",)),
    Code.REBIND_UNDER_WAY: Entry(_A, "A new key for this wallet is under way."),
    Code.REBIND_UNKNOWN: Entry(_A, "No new key for this wallet waits for this."),
    Code.REBIND_TOO_EARLY: Entry(_A, "The wait is not over.", ("completes_ms",)),
    Code.REBIND_OBJECTED: Entry(
        _A, "The old key objected: this takes a counter and two officers of the operator."
    ),
    Code.CARRIER_INVALID: Entry(_A, "These two operators cannot be failed one and carrier."),
    Code.HALT_TOO_LONG: Entry(_A, "A halt ends by then at the latest.", ("until_ms_max",)),
    Code.MANDATE_EXISTS: Entry(_A, "The wallet has a mandate of this id."),
    Code.MANDATE_UNKNOWN: Entry(_A, "The wallet has no mandate of this id."),
    Code.MANDATE_ENDED: Entry(_A, "The mandate has expired.", ("expired_ms",)),
    Code.TOO_MANY: Entry(_A, "One wallet holds no more of these.", ("limit",)),
    Code.KEY_UNCHANGED: Entry(_A, "This is the wallet's key already."),
    Code.SCOPE_INVALID: Entry(
        _A, "Scope and subject or amount do not go together, or the halt names no order."
    ),
    Code.LAST_BLOCK_KEY: Entry(
        _A, "A key that may sign blocks must remain: certify its successor first."
    ),
    Code.DEVICE_UNKNOWN: Entry(_A, "No device of this key is enrolled."),
    Code.DEVICE_KNOWN: Entry(
        _A, "The device is enrolled already, and not with an earlier certificate than this."
    ),
    Code.DEVICE_ENDED: Entry(
        _A, "The device is revoked, suspended or expired, or its generation is no longer accepted."
    ),
    Code.LOAD_NUMBER_DIFFERS: Entry(
        _A, "A device's loads are numbered without a gap.", ("number_expected",)
    ),
    Code.GUARANTEE_INSUFFICIENT: Entry(
        _A, "The guarantee of the device's operator does not cover it.", ("needed_fen",)
    ),
    Code.PAYMENT_SETTLED: Entry(_N, "This very offline payment stands in the registry."),
    Code.SHADOW_INSUFFICIENT: Entry(
        _A,
        "The registry has seen less on the device than this: hand in what it received first.",
        ("available_fen",),
    ),
    Code.DEVICE_LIMITS_TOO_HIGH: Entry(
        _A, "A limit of the device's certificate is above the rulebook's."
    ),
    Code.CLAIM_TOO_EARLY: Entry(
        _A, "What the device paid before it was lost may surface until then.", ("until_ms",)
    ),
    Code.GENERATION_NOT_NEWER: Entry(
        _A, "The oldest accepted generation only rises.", ("generation",)
    ),
    Code.SURFACED_TOO_LATE: Entry(
        _N,
        "No operator enrolled the device, and what it paid had to surface until then.",
        ("until_ms",),
    ),
    Code.EVIDENCE_INSUFFICIENT: Entry(
        _A, "This wallet class needs more evidence of identity.", ("field",)
    ),
    Code.CODE_WRONG: Entry(_A, "The code is wrong, used or too old; ask for a new one."),
    Code.DEPOSIT_INSUFFICIENT: Entry(_A, "The deposit does not cover it."),
    Code.DEPOSIT_UNKNOWN: Entry(_N, "No such deposit account belongs to this holder."),
    Code.WALLET_UNKNOWN: Entry(_N, "No such wallet is carried by this operator."),
    Code.ALREADY_USED: Entry(_N, "This id was used for another request."),
    Code.NOT_SERVED: Entry(_A, "The operator does not do this online; ask at a branch."),
    Code.CLASS_CHANGE_UNDER_WAY: Entry(
        _A, "Another change of this wallet's class is not settled yet; wait for it."
    ),
    Code.SIGNATORY_NEEDED: Entry(
        _A, "One of the company's signatories has to do this, and one of them has to remain."
    ),
    Code.REBIND_NOT_PROVEN: Entry(
        _A, "What was shown does not prove that this wallet is yours: come to a counter."
    ),
    Code.EXCHANGE_UNDER_WAY: Entry(
        _A, "An exchange or redemption of this wallet is not finished; wait for it, then close."
    ),
    Code.PIN_WRONG: Entry(_A, "The PIN is wrong.", ("tries_left",)),
    Code.PIN_LOCKED: Entry(
        _A, "The PIN was wrong too often and is locked until then.", ("unlock_time_ms",)
    ),
    Code.PIN_MISSING: Entry(_A, "The wallet has no PIN yet; set one first."),
    Code.PIN_UNFIT: Entry(
        _A,
        "A PIN is 6 to 12 digits: no run, no repetition, three different digits at least, and no "
        "part of the wallet's number.",
    ),
    Code.PIN_EXISTS: Entry(_A, "The wallet has a PIN; a new one takes the present one."),
    Code.NOT_COUNTERSIGNED: Entry(_N, "The operator does not sign orders of this type too."),
    Code.LOGIN_INVALID: Entry(
        _A,
        "The login is used or too old, names another operator, origin, purpose or wallet, or is "
        "not by the wallet's key; ask for a new challenge.",
    ),
    Code.ORIGIN_FOREIGN: Entry(_N, "The request comes from another origin than the wallet's."),
    Code.SESSION_ENDED: Entry(_A, "There is no such session, or it has ended; log in again."),
    Code.TOO_MANY_STREAMS: Entry(_A, "More event streams than are served at once.", ("limit",)),
    Code.STATEMENT_NOT_READY: Entry(
        _A, "The operator's books have not caught up with the registry; ask again in a moment."
    ),
    Code.NAME_NOT_PROVEN: Entry(
        _A, "No name was proven for this wallet; a statement can be had without one."
    ),
    Code.SYNCHRONISATION_WAITS: Entry(
        _A, "Payments of the log are not settled yet; synchronise again in a moment.", ("open",)
    ),
    Code.DEVICE_SUSPENDED: Entry(
        _A,
        "The device's log and the registry do not agree: it waits until they do, or until the "
        "operator has looked into it.",
    ),
    Code.DEVICE_UNCERTIFIED: Entry(
        _N, "The certificates do not lead from this network's root to the device's key."
    ),
    Code.DEVICE_EXPIRED: Entry(_A, "The device's certificate has ended.", ("ended_ms",)),
    Code.DEVICE_REVOKED: Entry(
        _N,
        "The device, or the key that certified it, is on the revocation list, or its generation is "
        "no longer accepted. If it is your own, synchronise: that renews what may be renewed.",
    ),
    Code.OTHER_DEVICE: Entry(_N, "The message is meant for another device, or comes from this."),
    Code.PURSE_NOT_SYNCHRONISED: Entry(
        _A, "The purse pays and receives again once it has been synchronised.", ("days_max",)
    ),
    Code.PURSE_PAYMENT_LIMIT: Entry(_A, "More than one offline payment may be.", ("limit_fen",)),
    Code.PURSE_BALANCE_CAP: Entry(
        _A, "The purse would hold more than it may.", ("cap_fen", "room_fen")
    ),
    Code.PURSE_FUNDS: Entry(
        _A,
        "The purse does not hold this much that it may spend; the rest it may after it has been "
        "synchronised.",
        ("spendable_fen", "after_synchronisation_fen"),
    ),
    Code.PURSE_OUT_LIMIT: Entry(
        _A, "More than may leave before the purse is synchronised.", ("limit_fen", "left_fen")
    ),
    Code.PURSE_OUT_COUNT: Entry(
        _A, "As many payments as the purse makes before it is synchronised.", ("limit",)
    ),
    Code.PURSE_IN_LIMIT: Entry(
        _A, "More than may come in before the purse is synchronised.", ("limit_fen", "left_fen")
    ),
    Code.PURSE_IN_COUNT: Entry(
        _A, "As many payments as the purse takes before it is synchronised.", ("limit",)
    ),
    Code.REQUEST_UNKNOWN: Entry(
        _A, "The payment answers no open request of this purse; hand it in at an operator."
    ),
    Code.REQUEST_EXPIRED: Entry(_A, "The request has expired; ask for a new one."),
    Code.AMOUNT_DIFFERS: Entry(_N, "The payment is not of the amount that was asked for."),
    Code.HOPS_TOO_MANY: Entry(
        _A, "The money has changed hands too often without network.", ("hops_max",)
    ),
    Code.LOAD_OUT_OF_ORDER: Entry(
        _A, "The purse takes the load of this number next.", ("number_expected",)
    ),
    Code.CHECKPOINT_UNFIT: Entry(
        _A, "The checkpoint is not for the purse as it stands; synchronise again."
    ),
    Code.LIST_UNFIT: Entry(
        _A, "This part of the revocation list does not continue the purse's.", ("number",)
    ),
    Code.DOUBLE_SPENT: Entry(
        _N, "The payer spent the same money twice: the payment is refused, the proof is kept."
    ),
    Code.LOG_DIFFERS: Entry(_N, "The entries are not those that the device signed."),
    Code.PROOF_INVALID: Entry(_N, "The file proves nothing against the device that it names."),
    Code.DOUBLE_LOADED: Entry(
        _N,
        "The operator signed two different loads under one number: the second is refused, the "
        "proof is kept.",
    ),
}


@dataclass(kw_only=True, eq=False)
class Refusal(Exception):
    """A party says no: nothing was lost, and `Entry.retry` says what can help."""

    code: Code
    fields: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        """The line of the catalogue."""
        return CATALOGUE[self.code]

    @property
    def is_final(self) -> bool:
        """Whether the outcome stands in a block and uses up the order id."""
        return self.code in FINAL_CODES

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.fields.items())
        return self.entry.meaning + (f" ({told})" if told else "")


Outcome = tuple[int, ...]
"""``(0,)`` for a settled order, else ``(code, field, ...)``."""

SETTLED: Outcome = (0,)


def refuse(code: Code, *values: int | str) -> Refusal:
    """Make a refusal with the values of its catalogue fields, in order."""
    return Refusal(code=code, fields=dict(zip(CATALOGUE[code].fields, values, strict=True)))


def read_refusal(code: object, values: Sequence[object]) -> Refusal:
    """Read a refusal that another party tells, from values that may be anything.

    Raises:
        ValueError: Not a refusal of this catalogue; the other party's may be newer.
    """
    told = [each for each in values if isinstance(each, int | str) and type(each) is not bool]
    if type(code) is not int or len(told) != len(values):
        raise ValueError("no refusal")
    return refuse(Code(code), *told)


def refusal_of(outcome: Outcome) -> Refusal | None:
    """Read an outcome: None when settled.

    Raises:
        ValueError: Not an outcome of this catalogue.
    """
    if outcome == SETTLED:
        return None
    return refuse(Code(outcome[0]), *outcome[1:])
