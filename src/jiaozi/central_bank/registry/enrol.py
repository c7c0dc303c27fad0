"""A device from its enrolment to its end: certified, renewed, revoked, convicted (rules.md §G).

Its operator enrols it from a wallet, or anonymously, and revokes it when it is lost. A device whose
generation is no longer accepted goes on until it is renewed; a convicted one is at its end. One
that was certified and never enrolled is taken up when a payment of it or to it surfaces: a desk
gives no certificate out before the registry has its device, so somebody else has the certify key.
"""

from dataclasses import replace

from jiaozi.central_bank.registry.devices import Enrolled
from jiaozi.central_bank.registry.guarantees import (
    check_share,
    check_surfacing,
    cover,
    cover_lack,
    guarantee_fen,
    surfaces_until_ms,
)
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.signers import check_certified
from jiaozi.central_bank.registry.wallet_signers import check_officers
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.cose import Signature
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Device, begins_under
from jiaozi.protocol.offline.revocations import revocation_entry
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse


def enrol(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Enrol a device under its operator's certificate, or renew one with a later certificate."""
    check_operator(order, caller, ledger)
    device = _certified_device(order, caller, ledger)
    wallet = order.body.get("wallet")
    _check_wallet(wallet, caller, ledger)
    _check_bounds(device, ledger)
    before = ledger.devices.known.get(device.key)
    after = _as_certified(device, wallet)
    if before is not None:
        after = _renewed(before, after)
    caps_fen = ledger.devices.live_caps_fen[device.operator] + after.balance_cap_fen
    if before is not None and before.lives_at(ledger.time_ms):
        caps_fen -= before.balance_cap_fen
    check_share(device.operator, caps_fen, ledger)
    ledger.devices.live_caps_fen[device.operator] = caps_fen
    ledger.devices.add(after)
    if wallet is not None:
        head = ledger.accounts[wallet].head
        ledger.devices.wallets_of_group.setdefault(head, set()).add(wallet)


def take_up(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Take in a device that an operator's key certified and nobody enrolled, as convicted.

    Honest payees get what it paid from the guarantee of the operator whose key that is, as long as
    they may still surface after the key's revocation.
    """
    check_operator(order, caller, ledger)
    said = _said_device(order)
    signature = _inner_signature(order)
    record = ledger.control.keys.get(signature.key)
    if record is None:
        raise refuse(Code.CERTIFICATE_UNKNOWN)
    _check_certifier(said, record.certified, signature.suite)
    if said.key in ledger.devices.known:
        raise refuse(Code.DEVICE_KNOWN)
    device = replace(_as_certified(said, None), not_after_ms=0, revoked_ms=record.revoked_ms)
    if record.revoked_ms is None:
        entry = revocation_entry(said.key, said.not_after_ms)
        ledger.devices.take_up(device, ledger.time_ms, entry)
    else:
        check_surfacing(device, ledger)
        ledger.devices.take_up(device, record.revoked_ms, None)
    ledger.concern(device)


def revoke_device(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Put a lost device on the revocation list."""
    check_operator(order, caller, ledger)
    device = named_device(order, ledger)
    if ledger.control.carrier_of(device.operator) != caller.operator:
        raise refuse(Code.OTHER_OPERATOR)
    if device.revoked is not None:
        raise refuse(Code.DEVICE_ENDED)
    ledger.devices.revoke(device, ledger.time_ms)
    ledger.concern(device)


def convict(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Convict a device by a proof that two officers verified; the order names it by its hash."""
    check_officers(order, ledger)
    device = named_device(order, ledger)
    if device.convicted:
        raise refuse(Code.DEVICE_ENDED)
    ledger.devices.convict(device, ledger.time_ms)
    cover(device, ledger)
    ledger.concern(device)


def write_off(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Cover what a revoked device lacks when the wait is over, without accusing it of anything.

    What it paid is with honest payees, and what it had for it has not surfaced: no one log or pair
    of payments proves why.
    """
    check_officers(order, ledger)
    device = named_device(order, ledger)
    if device.revoked_ms is None or device.convicted or device.shadow_fen >= 0:
        raise refuse(Code.DEVICE_ENDED)
    check_wait(device, ledger)
    if not guarantee_fen(device.operator, ledger):
        raise refuse(Code.GUARANTEE_INSUFFICIENT, -device.shadow_fen)
    cover_lack(device, ledger)
    ledger.concern(device)


def oldest_generation(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Accept no older generation of devices any more."""
    check_officers(order, ledger)
    oldest = ledger.devices.tip.oldest_generation
    if order.body["generation"] <= oldest:
        raise refuse(Code.GENERATION_NOT_NEWER, oldest)
    ledger.devices.raise_generation(order.body["generation"])


def check_operator(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Check an order that any operator may bring, under its own certify key.

    Raises:
        Refusal: ``other_operator``, what `check_certified` raises, or ``not_yet_valid``.
    """
    if caller.use is not Use.OPERATOR_TRANSPORT:
        raise refuse(Code.OTHER_OPERATOR)
    check_certified(order, caller.operator, ledger.control, ledger.time_ms)
    ledger.check_begun(order)


def check_wait(device: Enrolled, ledger: Ledger) -> None:
    """Check that what a device paid before it was revoked must have surfaced.

    Raises:
        Refusal: ``claim_too_early``.
    """
    until_ms = surfaces_until_ms(device, ledger)
    if ledger.time_ms < until_ms:
        raise refuse(Code.CLAIM_TOO_EARLY, until_ms)


def named_device(order: Order, ledger: Ledger) -> Enrolled:
    """Return the device that an order names.

    Raises:
        Refusal: ``device_unknown``.
    """
    device = ledger.devices.known.get(order.body["device"])
    if device is None:
        raise refuse(Code.DEVICE_UNKNOWN)
    return device


def _certified_device(order: Order, caller: Certified, ledger: Ledger) -> Device:
    """Return what the caller's own certify key says of a device; its signature holds."""
    device, signature = _said_device(order), _inner_signature(order)
    certified = ledger.control.certified(signature.key, Use.OPERATOR_CERTIFY, ledger.time_ms)
    if certified.operator != caller.operator:
        raise refuse(Code.SIGNER_FOREIGN)
    _check_certifier(device, certified, signature.suite)
    return device


def _check_certifier(device: Device, certified: Certified, suite: int) -> None:
    """Check that a key may have certified a device, at the time at which its certificate begins."""
    if certified.use is not Use.OPERATOR_CERTIFY:
        raise refuse(Code.CERTIFICATE_OTHER_USE)
    if (certified.operator, certified.suite) != (device.operator, suite):
        raise refuse(Code.SIGNER_FOREIGN)
    if not begins_under(device, certified):
        raise refuse(Code.CERTIFICATE_NOT_VALID_NOW)


def _said_device(order: Order) -> Device:
    assert order.inner is not None, "its shape asks for a device certificate"
    device = order.inner.said
    assert isinstance(device, Device), "its domain is that of device certificates"
    return device


def _inner_signature(order: Order) -> Signature:
    assert order.inner is not None, "its shape asks for a device certificate"
    return order.inner.message.signatures[0]


def _check_wallet(number: int | None, caller: Certified, ledger: Ledger) -> None:
    """Check that a device is enrolled from an open wallet of the caller, or from none."""
    if number is None:
        return
    account = ledger.accounts.get(number)
    if account is None:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    if account.operator != caller.operator:
        raise refuse(Code.OTHER_OPERATOR)
    if account.closed:
        raise refuse(Code.ACCOUNT_CLOSED)


def _check_bounds(device: Device, ledger: Ledger) -> None:
    """Check a certificate's time and generation, and its limits against the rulebook's."""
    is_valid_now = device.not_before_ms <= ledger.time_ms < device.not_after_ms
    if not is_valid_now or device.generation < ledger.devices.tip.oldest_generation:
        raise refuse(Code.DEVICE_ENDED)
    bounds = ledger.rulebook.offline.bounds.get(device.profile)
    if bounds is None:
        raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)
    if any(getattr(device.limits, name) > getattr(bounds, name) for name in LIMIT_NAMES):
        raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)


def _as_certified(device: Device, wallet: int | None) -> Enrolled:
    """Return a device that has done nothing yet, as its certificate describes it."""
    return Enrolled(
        key=device.key,
        suite=device.suite,
        operator=device.operator,
        wallet=wallet,
        profile=int(device.profile),
        generation=device.generation,
        not_after_ms=device.not_after_ms,
        balance_cap_fen=device.limits.balance_fen,
    )


def _renewed(before: Enrolled, certified: Enrolled) -> Enrolled:
    """Return a device under a later certificate: all that it has done stays."""
    is_same = (before.operator, before.wallet) == (certified.operator, certified.wallet)
    old, new = ((each.not_after_ms, each.generation) for each in (before, certified))
    is_later = new != old and new[0] >= old[0] and new[1] >= old[1]
    if before.revoked is not None or not is_same or not is_later:
        raise refuse(Code.DEVICE_KNOWN)
    return replace(
        before,
        profile=certified.profile,
        generation=certified.generation,
        not_after_ms=certified.not_after_ms,
        balance_cap_fen=certified.balance_cap_fen,
    )
