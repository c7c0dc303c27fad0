"""Problem documents (RFC 9457): how a refusal or a failure is told over HTTP.

::

    {"type": "urn:jiaozi:refusal:limit_day", "title": meaning, "status": 409,
     "detail": meaning and values, "code": 105, "fields": {"limit_fen": ..., "left_fen": ...},
     "retry": "after_change"}

HTTP status codes are known here and nowhere else. What means what is the catalogue's
(`jiaozi.protocol.refusals`).
"""

import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.storage.errors import CommitUnknown, StorageUnavailable

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
"""When to try again after a refusal that does not say."""

_INTERNAL_TITLE = "An unexpected error; nothing that was acknowledged is lost."

STATUS: Mapping[Code, int] = {
    Code.MALFORMED: 400,
    Code.NOT_CANONICAL: 400,
    Code.TOO_LARGE: 413,
    Code.SUITE_UNSUPPORTED: 400,
    Code.SIGNATURE_INVALID: 403,
    Code.OTHER_NETWORK: 400,
    Code.AMOUNT_OUT_OF_RANGE: 400,
    Code.LEG_HASH_DIFFERS: 400,
    Code.LEGS_NOT_ALLOWED: 400,
    Code.TO_SELF: 400,
    Code.NUMBER_INVALID: 400,
    Code.ACCOUNT_UNKNOWN: 404,
    Code.SIGNER_FOREIGN: 403,
    Code.SIGNER_MISSING: 403,
    Code.CERTIFICATE_UNKNOWN: 403,
    Code.CERTIFICATE_OTHER_USE: 403,
    Code.CERTIFICATE_REVOKED: 403,
    Code.CERTIFICATE_NOT_VALID_NOW: 403,
    Code.OTHER_OPERATOR: 403,
    Code.ID_REUSED: 409,
    Code.EXPIRED: 409,
    Code.LIFETIME_TOO_LONG: 400,
    Code.ID_TIME_AHEAD: 409,
    Code.REQUEST_UNSIGNED: 401,
    Code.REQUEST_SIGNATURE_INVALID: 401,
    Code.DIGEST_DIFFERS: 400,
    Code.NOT_ALLOWED: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.REQUEST_REPLAYED: 409,
    Code.BUSY: 429,
    Code.UNAVAILABLE: 503,
    Code.UNKNOWN: 504,
    Code.HALTED: 409,
    Code.NOT_YET_VALID: 409,
    Code.ACCOUNT_CLOSED: 409,
    Code.ACCOUNT_FROZEN: 409,
    Code.SECOND_FACTOR_REQUIRED: 403,
    Code.LIMIT_SINGLE: 409,
    Code.LIMIT_DAY: 409,
    Code.LIMIT_YEAR: 409,
    Code.INSUFFICIENT_FUNDS: 409,
    Code.PAYEE_CANNOT_RECEIVE: 409,
    Code.ACCOUNT_EXISTS: 409,
    Code.CLASS_UNKNOWN: 422,
    Code.QUOTA_EXCEEDED: 409,
    Code.RESERVE_INSUFFICIENT: 409,
    Code.RULEBOOK_UNKNOWN: 422,
    Code.STARTS_IN_THE_PAST: 422,
    Code.CERTIFICATE_INVALID: 422,
    Code.LAST_OFFICERS: 409,
    Code.LAST_BLOCK_KEY: 409,
    Code.FUNDED_BEFORE: 409,
    Code.SUM_TOO_LARGE: 409,
    Code.OPERATOR_UNKNOWN: 422,
    Code.LIMIT_NOT_LOWER: 409,
    Code.FREEZE_EXISTS: 409,
    Code.FREEZE_UNKNOWN: 404,
    Code.BALANCE_NOT_ZERO: 409,
    Code.REBIND_UNDER_WAY: 409,
    Code.REBIND_UNKNOWN: 404,
    Code.REBIND_TOO_EARLY: 409,
    Code.REBIND_OBJECTED: 409,
    Code.CARRIER_INVALID: 422,
    Code.HALT_TOO_LONG: 422,
    Code.MANDATE_EXISTS: 409,
    Code.MANDATE_UNKNOWN: 404,
    Code.MANDATE_ENDED: 409,
    Code.TOO_MANY: 409,
    Code.KEY_UNCHANGED: 409,
    Code.SCOPE_INVALID: 422,
    Code.EVIDENCE_INSUFFICIENT: 422,
    Code.CODE_WRONG: 422,
    Code.DEPOSIT_INSUFFICIENT: 409,
    Code.DEPOSIT_UNKNOWN: 404,
    Code.WALLET_UNKNOWN: 404,
    Code.ALREADY_USED: 409,
    Code.NOT_SERVED: 422,
    Code.CLASS_CHANGE_UNDER_WAY: 409,
    Code.SIGNATORY_NEEDED: 403,
    Code.REBIND_NOT_PROVEN: 422,
    Code.EXCHANGE_UNDER_WAY: 409,
    Code.STATEMENT_NOT_READY: 409,
    Code.NAME_NOT_PROVEN: 409,
    Code.DEVICE_UNKNOWN: 404,
    Code.DEVICE_KNOWN: 409,
    Code.DEVICE_ENDED: 409,
    Code.LOAD_NUMBER_DIFFERS: 409,
    Code.GUARANTEE_INSUFFICIENT: 409,
    Code.PAYMENT_SETTLED: 409,
    Code.SHADOW_INSUFFICIENT: 409,
    Code.DEVICE_LIMITS_TOO_HIGH: 409,
    Code.CLAIM_TOO_EARLY: 409,
    Code.GENERATION_NOT_NEWER: 409,
    Code.SURFACED_TOO_LATE: 409,
    Code.SYNCHRONISATION_WAITS: 409,
    Code.DEVICE_SUSPENDED: 409,
    Code.DEVICE_UNCERTIFIED: 422,
    Code.DEVICE_EXPIRED: 422,
    Code.DEVICE_REVOKED: 422,
    Code.OTHER_DEVICE: 422,
    Code.PURSE_NOT_SYNCHRONISED: 422,
    Code.PURSE_PAYMENT_LIMIT: 422,
    Code.PURSE_BALANCE_CAP: 422,
    Code.PURSE_FUNDS: 422,
    Code.PURSE_OUT_LIMIT: 422,
    Code.PURSE_OUT_COUNT: 422,
    Code.PURSE_IN_LIMIT: 422,
    Code.PURSE_IN_COUNT: 422,
    Code.REQUEST_UNKNOWN: 422,
    Code.REQUEST_EXPIRED: 422,
    Code.AMOUNT_DIFFERS: 422,
    Code.HOPS_TOO_MANY: 422,
    Code.LOAD_OUT_OF_ORDER: 422,
    Code.CHECKPOINT_UNFIT: 422,
    Code.LIST_UNFIT: 422,
    Code.DOUBLE_SPENT: 422,
    Code.LOG_DIFFERS: 422,
    Code.PROOF_INVALID: 422,
    Code.DOUBLE_LOADED: 422,
    Code.PIN_WRONG: 403,
    Code.PIN_LOCKED: 403,
    Code.PIN_MISSING: 409,
    Code.PIN_UNFIT: 422,
    Code.PIN_EXISTS: 409,
    Code.NOT_COUNTERSIGNED: 422,
    Code.LOGIN_INVALID: 403,
    Code.ORIGIN_FOREIGN: 403,
    Code.SESSION_ENDED: 401,
    Code.TOO_MANY_STREAMS: 409,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem document ready to send."""

    status: int
    document: Mapping[str, object]
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> bytes:
        """The document as JSON."""
        return json.dumps(self.document, ensure_ascii=False).encode()


@dataclass(kw_only=True, eq=False)
class Unhealthy(Exception):
    """The party cannot do its work now.

    Attributes:
        reason: In one word, such as ``database``; it names no host and no person.
    """

    reason: str


def problem_of(error: Exception) -> Problem:
    """Tell a refusal as it is, a database out of reach as one, anything else as unexpected.

    Of an unexpected error nothing is told but an id, by which it is found in the log.
    """
    match error:
        case Refusal():
            return _refused(error)
        case CommitUnknown():
            return _refused(refuse(Code.UNKNOWN))
        case StorageUnavailable():
            return _refused(refuse(Code.UNAVAILABLE))
        case Unhealthy():
            problem = _refused(refuse(Code.UNAVAILABLE))
            return replace(problem, document={**problem.document, "reason": error.reason})
        case _:
            return _unexpected()


def refusal_name(code: Code) -> str:
    """Return the stable word for a refusal, as it stands in the problem's type."""
    return code.name.lower()


def _refused(refusal: Refusal) -> Problem:
    status = STATUS[refusal.code]
    return Problem(
        status=status,
        document={
            "type": f"urn:jiaozi:refusal:{refusal_name(refusal.code)}",
            "title": refusal.entry.meaning,
            "status": status,
            "detail": str(refusal),
            "code": int(refusal.code),
            "fields": dict(refusal.fields),
            "retry": refusal.entry.retry.value,
        },
        headers=_headers(refusal),
    )


def _headers(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    match refusal.code:
        case Code.BUSY:
            wait_s = math.ceil(int(refusal.fields["retry_after_ms"]) / 1000)
            return (("retry-after", str(max(wait_s, 1))),)
        case Code.UNAVAILABLE | Code.UNKNOWN:
            return (("retry-after", str(RETRY_AFTER_S)),)
        case Code.REQUEST_UNSIGNED | Code.REQUEST_SIGNATURE_INVALID | Code.SESSION_ENDED:
            return (("www-authenticate", "Signature"),)
        case _:
            return ()


def _unexpected() -> Problem:
    """Say that something broke: like `unavailable`, so the same order may be sent again."""
    refusal = refuse(Code.UNAVAILABLE)
    return Problem(
        status=500,
        document={
            "type": "urn:jiaozi:problem:unexpected",
            "title": _INTERNAL_TITLE,
            "status": 500,
            "detail": f"{_INTERNAL_TITLE} Send the same order again, or ask for it by its id.",
            "code": int(refusal.code),
            "fields": {},
            "retry": refusal.entry.retry.value,
            "incident": secrets.token_hex(8),
        },
        headers=(("retry-after", str(RETRY_AFTER_S)),),
    )
