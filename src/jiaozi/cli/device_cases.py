"""How `jiaozi operator offline cases` tells what devices did that they must not."""

from collections import Counter
from collections.abc import Iterable

from jiaozi.operator.offline.cases import Case, Report
from jiaozi.operator.offline.model import Stranger
from jiaozi.protocol.offline.certificate import read_unverified_device
from jiaozi.protocol.refusals import SETTLED


def file_name(case: Case) -> str:
    """Return what the file of a proof is called."""
    return f"{case.proof.device.hex()[:16]}-{case.proof.hash.hex()[:16]}.proof"


def document_of(report: Report) -> dict[str, object]:
    """Return a report as JSON tells it."""
    return {
        "cases": [
            {
                "device": each.proof.device.hex(),
                "operator": f"{each.proof.operator:04d}",
                "kind": each.proof.kind.name.lower(),
                "proof": each.proof.hash.hex(),
                "payments_fen": [payment.amount_fen for payment in each.proof.payments],
                "file": file_name(each),
            }
            for each in report.cases
        ],
        "covered_fen": {device.hex(): fen for device, fen in report.covered_fen.items()},
        "suspected": [
            {"device": each.key.hex(), "reason": str(each.suspicion)} for each in report.suspected
        ],
        "waiting": [
            {
                "device": each.device.hex(),
                "counter": each.counter,
                "amount_fen": each.amount_fen,
                "outcome": list(each.outcome),
                "next_try_ms": each.next_try_ms,
            }
            for each in report.waiting
        ],
        "strangers": [
            {
                "device": each.key.hex(),
                "operator": f"{each.operator:04d}",
                "certify_key": _certified_by(each).hex(),
                "taken_up": each.outcome == SETTLED,
            }
            for each in report.strangers
        ],
        "given_up": {code.name.lower(): count for code, count in report.given_up.items()},
    }


def made_by(strangers: Iterable[Stranger]) -> str:
    """Tell which certify keys made devices that nobody enrolled: each of them is to be revoked."""
    counts = Counter((each.operator, _certified_by(each).hex()) for each in strangers)
    told = (f"{count} by {operator:04d}'s key {key}" for (operator, key), count in counts.items())
    return ", ".join(told) or "none"


def _certified_by(stranger: Stranger) -> bytes:
    device, _ = read_unverified_device(stranger.certificate)
    return device.certified_by
