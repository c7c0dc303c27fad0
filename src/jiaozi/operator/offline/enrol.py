"""Enrol devices: certify the key of one that proves that it holds it, and tell the registry.

A wallet enrols its own devices; whoever is not known needs an issue code for a new one. The device
gets its certificates once the registry has its record, never before: what it then pays
can be settled, and whoever was given none by a desk has somebody else's. Enrolling again gives the
same certificates, until they are about to end or the key that signed them was revoked.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.offline import store
from jiaozi.operator.offline.authority import Authority, OfflineRules
from jiaozi.operator.offline.device_orders import OfflineOrders, is_stuck
from jiaozi.operator.offline.issue_codes import use_issue_code
from jiaozi.operator.offline.model import (
    ANONYMOUS,
    CERTIFICATE_LIFETIME_MS,
    ORDER_LIFETIME_MS,
    RENEW_BEFORE_MS,
    DeviceRecord,
    OfflineOrder,
)
from jiaozi.operator.registry.model import stored_order
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.offline.certificate import (
    LIMIT_NAMES,
    Chain,
    Device,
    PurseLimits,
    certify_device,
    read_unverified_device,
)
from jiaozi.protocol.offline.enrolment import Enrolment, read_enrolment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.refusals import Code, refusal_of, refuse
from jiaozi.storage.database import Connection, Database

GENERATION_MIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolDevice:
    """The use case; its dependencies."""

    authority: Authority
    database: Database
    orders: OfflineOrders
    now_ms: Callable[[], int]

    async def __call__(
        self, message: bytes, wallet: int | None, *, issue_code: bytes | None = None
    ) -> Chain:
        """Enrol a device, or return the certificates that it has.

        Args:
            message: What the device says (`jiaozi.protocol.offline.enrolment`).
            wallet: That has signed the request; None for an anonymous device.
            issue_code: What an anonymous device needs that was never enrolled.

        Raises:
            Refusal: A shape code, ``signature_invalid``; ``not_allowed`` when the device names
                another operator or wallet, or is another's already; ``not_served`` for a profile
                that the rulebook, or anonymity, does not know; ``device_limits_too_high``;
                ``code_wrong``; why the registry refused it; ``unknown`` while it is not settled.
        """
        enrolment, suite, key = read_enrolment(message, self.authority.network.id)
        if (enrolment.operator, enrolment.wallet) != (self.authority.operator, wallet):
            raise refuse(Code.NOT_ALLOWED)
        if wallet is None and enrolment.profile not in ANONYMOUS:
            raise refuse(Code.NOT_SERVED)
        rules = await self.authority.rules()
        limits = _limits(enrolment, rules)
        async with self.database.transaction() as connection:
            known = await self._known(connection, key, enrolment, issue_code)
            order = await self._standing(connection, known, rules)
            if order is None:
                device = self._device(enrolment, suite, key, limits, rules)
                order = self._order(device, wallet, await self.authority.own_certificate())
                await self.orders.keep(connection, order)
        return _chain(await self.orders.advance(order.order.id))

    async def _known(
        self, connection: Connection, key: bytes, enrolment: Enrolment, issue_code: bytes | None
    ) -> DeviceRecord:
        """Record the device, and hold it until it is decided what to give it."""
        is_new = await store.find_device(connection, key) is None
        new = DeviceRecord(
            key=key, wallet=enrolment.wallet, profile=enrolment.profile, suspicion=None
        )
        await store.add_device(connection, new, self.now_ms())
        known = await store.find_device(connection, key, lock=True)
        assert known is not None, "it was just added"
        if (known.wallet, known.profile) != (enrolment.wallet, enrolment.profile):
            raise refuse(Code.NOT_ALLOWED)
        if is_new and known.wallet is None:
            await use_issue_code(connection, issue_code, key, self.now_ms())
        return known

    async def _standing(
        self, connection: Connection, known: DeviceRecord, rules: OfflineRules
    ) -> OfflineOrder | None:
        """Return the enrolment that is under way or holds; None when a new one is due."""
        last = await store.last_order(connection, known.key, OrderType.ENROL)
        if last is None or last.state in (OrderState.REFUSED, OrderState.DEAD):
            last = await store.enrolled(connection, known.key)
        if last is None or last.state is OrderState.SENT:
            is_over = last is not None and is_stuck(last, self.authority.certify.public_key)
            return None if is_over else last
        assert last.chain is not None, "an enrolment gives certificates"
        device, _ = read_unverified_device(last.chain.device)
        ends_soon = device.not_after_ms - self.now_ms() < RENEW_BEFORE_MS
        is_refused = self.authority.is_revoked(device.certified_by)
        is_old = device.generation < rules.oldest_generation
        return None if ends_soon or is_refused or is_old else last

    def _device(
        self,
        enrolment: Enrolment,
        suite: int,
        key: bytes,
        limits: PurseLimits,
        rules: OfflineRules,
    ) -> Device:
        now_ms = self.now_ms()
        return Device(
            operator=enrolment.operator,
            suite=suite,
            key=key,
            profile=enrolment.profile,
            generation=max(GENERATION_MIN, rules.oldest_generation),
            not_before_ms=now_ms,
            not_after_ms=now_ms + CERTIFICATE_LIFETIME_MS,
            limits=limits,
        )

    def _order(
        self, device: Device, wallet: int | None, operator_certificate: bytes
    ) -> OfflineOrder:
        authority, now_ms = self.authority, self.now_ms()
        certificate = certify_device(device, authority.certify, authority.network.id)
        head = OrderHead(
            id=new_order_id(now_ms, secrets.token_bytes(10)),
            type=OrderType.ENROL,
            expires_ms=now_ms + ORDER_LIFETIME_MS,
        )
        signed = sign_order(
            head,
            [authority.certify],
            authority.network.id,
            device_certificate=certificate,
            wallet=wallet,
        )
        return OfflineOrder(
            device=device.key,
            type=OrderType.ENROL,
            chain=Chain(operator=operator_certificate, device=certificate),
            order=stored_order(parse(signed)),
            state=OrderState.SENT,
            outcome=None,
        )


def _limits(enrolment: Enrolment, rules: OfflineRules) -> PurseLimits:
    """Return the limits of a certificate: those asked for, and the rulebook's for the rest."""
    most = rules.profiles.get(enrolment.profile)
    if most is None:
        raise refuse(Code.NOT_SERVED)
    for name, value in enrolment.limits.items():
        if value > getattr(most, name):
            raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)
    values = {name: enrolment.limits.get(name, getattr(most, name)) for name in LIMIT_NAMES}
    return PurseLimits(**values)


def _chain(order: OfflineOrder) -> Chain:
    assert order.chain is not None, "an enrolment gives certificates"
    match order.state:
        case OrderState.SETTLED:
            return order.chain
        case OrderState.REFUSED:
            assert order.outcome is not None, "it was refused for a reason"
            refusal = refusal_of(order.outcome)
            assert refusal is not None, "what settled was not refused"
            raise refusal
        case OrderState.DEAD:
            raise refuse(Code.EXPIRED, order.order.expires_ms)
        case OrderState.SENT:
            raise refuse(Code.UNKNOWN)
