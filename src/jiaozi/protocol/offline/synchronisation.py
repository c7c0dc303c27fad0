"""A purse and its operator: it hands in its log, and goes on from what the registry says.

What it hands in stays in the purse until the checkpoint is there: whoever is cut off in between
hands in the same log again, and gets the same bytes. A purse that has gone on meanwhile refuses
the checkpoint, and hands in once more.
"""

from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType

from jiaozi.protocol.offline.certificate import Chain, read_chain
from jiaozi.protocol.offline.limits import check_certifier
from jiaozi.protocol.offline.log import Statement, certificates_hash, sign_log
from jiaozi.protocol.offline.news import raise_floor
from jiaozi.protocol.offline.operator_messages import read_checkpoint
from jiaozi.protocol.offline.purse import Purse, Usage
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

CHALLENGES_KEPT = 64
"""Of requests paid before the last synchronisation, so that none is paid twice by mistake."""


def hand_in(purse: Purse, *, signer: Signer) -> bytes:
    """Say what an operator needs to settle: the log since the last checkpoint, opened."""
    statement = Statement(
        checkpoint=sha256(purse.checkpoint).digest(),
        position=purse.position,
        head=purse.head,
        list_number=purse.revocations.number,
        certificates=certificates_hash(purse.chain),
    )
    return sign_log(statement, purse.chain, purse.checkpoint, purse.entries, signer, purse.anchor)


def synchronise(purse: Purse, checkpoint_message: bytes, time_message: bytes) -> Purse:
    """Go on from what the registry says that the purse holds, every limit afresh.

    Args:
        purse: As it stood when it handed in its log.
        checkpoint_message: From its operator.
        time_message: Header of the block at which that is so, as `raise_floor` takes it.

    Raises:
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``;
            ``checkpoint_unfit``: for another device, or the purse has changed meanwhile; or
            ``certificate_revoked``: its operator signs it again.
    """
    checkpoint, certifier = read_checkpoint(checkpoint_message, purse.anchor)
    issuer, place = certifier.operator, (checkpoint.position, checkpoint.head, checkpoint.counter)
    named = (checkpoint.device, issuer, *place)
    own = (purse.device.key, purse.device.operator, purse.position, purse.head, purse.counter)
    is_later = checkpoint.number > purse.checkpoint_number and checkpoint.loads >= purse.loads
    if named != own or not is_later:
        raise refuse(Code.CHECKPOINT_UNFIT)
    check_certifier(purse, certifier)
    purse = raise_floor(purse, time_message)
    remembered = dict.fromkeys([*purse.paid][-CHALLENGES_KEPT:], -1)
    return replace(
        purse,
        balances_fen=(checkpoint.balance_fen, *(0 for _ in purse.balances_fen[1:])),
        loads=checkpoint.loads,
        usage=Usage(),
        checkpoint=checkpoint_message,
        checkpoint_number=checkpoint.number,
        entries=(),
        requests=MappingProxyType({}),
        collected=MappingProxyType({}),
        paid=MappingProxyType(remembered),
        waiting_for=frozenset(),
        synchronised_ms=purse.floor_ms,
        revocations=purse.revocations.at(purse.floor_ms),
    )


def renew(purse: Purse, chain: Chain) -> Purse:
    """Take a later certificate for the same key.

    Raises:
        Refusal: A shape code, ``device_uncertified`` or ``other_device``.
    """
    device, old = read_chain(chain, purse.anchor), purse.device
    is_same = (device.key, device.operator, device.limits.hops) == (
        old.key, old.operator, old.limits.hops,
    )  # fmt: skip
    is_later = device.not_after_ms >= old.not_after_ms and device.generation >= old.generation
    if not is_same or not is_later:
        raise refuse(Code.OTHER_DEVICE)
    return replace(purse, chain=chain, device=device)
