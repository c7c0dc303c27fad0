"""Reset a forgotten PIN: under the phone's code and the wallet's key, after a day.

::

    the wallet's key signs, phone code and evidence of the class   -> the new PIN waits
    a day passes                                                   -> it is the wallet's
    the present PIN is given, or the wallet gets a new key         -> the reset is dropped

Whoever steals phone and wallet together has both proofs, so neither takes effect at once: the
holder has a day in which to freeze the wallet, or to ask for a new key. A raised limit waits as
long.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jiaozi.operator.customers.model import Evidence
from jiaozi.operator.customers.prove_phone import ProvePhone
from jiaozi.operator.life.prove_holder import ProveHolder
from jiaozi.operator.privacy.access import Purpose
from jiaozi.operator.second_factor import store
from jiaozi.operator.second_factor.model import Pin, check_fit
from jiaozi.operator.second_factor.stretching import SALT_LENGTH, PinStretching
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database

RESET_WAIT_MS = DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What shows that the wallet is one's own, beside its key."""

    registration_id: UUID
    code: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPin:
    """The use case; its dependencies."""

    database: Database
    stretching: PinStretching
    prove_phone: ProvePhone
    prove_holder: ProveHolder
    now_ms: Callable[[], int]

    async def __call__(self, wallet: Wallet, change_id: bytes, new: str, proof: Proof) -> int:
        """Have another PIN from a time on, which is returned; the caller's key is the wallet's.

        The same change again, by its id, changes nothing; another one takes its place and waits
        anew.

        Raises:
            Refusal: ``pin_unfit``; ``busy``; ``pin_missing`` when there is none to be reset;
                ``code_wrong``, ``evidence_insufficient`` or ``rebind_not_proven``.
        """
        check_fit(wallet.number, new)
        with self.stretching.place():
            async with self.database.connection() as connection:
                if await store.find_pin(connection, wallet.number) is None:
                    raise refuse(Code.PIN_MISSING)
                due_ms = await store.find_reset(connection, wallet.number, change_id)
            if due_ms is not None:
                return due_ms
            phone = await self.prove_phone(proof.registration_id, proof.code, Purpose.RESET_PIN)
            async with self.database.connection() as connection:
                await self.prove_holder(connection, phone, wallet, proof.evidence)
            return await self._keep(wallet, change_id, new)

    async def _keep(self, wallet: Wallet, change_id: bytes, new: str) -> int:
        salt, cost = secrets.token_bytes(SALT_LENGTH), self.stretching.cost
        digest = await self.stretching.digest(wallet.number, new, salt, cost)
        pin = Pin(salt=salt, digest=digest, cost=cost, change_id=change_id)
        due_ms = self.now_ms() + RESET_WAIT_MS
        async with self.database.connection() as connection:
            await store.put_reset(connection, wallet, pin, due_ms)
        return due_ms
