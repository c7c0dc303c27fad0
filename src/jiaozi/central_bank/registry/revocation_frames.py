"""The revocation list as it leaves the registry: signed frames, each within what a purse takes.

A frame is made once for the entries that it brings and kept for those who ask for the same.
"""

from collections.abc import Iterable

from jiaozi.central_bank.registry import device_store
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.control import Control
from jiaozi.protocol.certificates import read_unverified
from jiaozi.protocol.offline.revocations import ENTRIES_MAX, FRAMES_KEPT, ListHead, sign_frame
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.keys import KeyStoreError
from jiaozi.storage.database import Connection

_KEPT_MAX = 256


class RevocationFrames:
    """Makes frames; ``first`` are the root's certificates of keys in genesis."""

    def __init__(self, signers: BlockSigners, first: Iterable[bytes] = ()) -> None:
        self._signers = signers
        self._of_genesis = {read_unverified(each).key: each for each in first}
        self._kept: dict[tuple[int, int], bytes] = {}

    async def after(
        self, number: int, connection: Connection, control: Control, time_ms: int
    ) -> list[bytes]:
        """Return the next frames after a number of the list, at most `FRAMES_KEPT`.

        Raises:
            Refusal: ``unavailable`` when no key at hand is certified for signing the list, or its
                certificate is not at hand.
        """
        limit = ENTRIES_MAX * FRAMES_KEPT
        rows = await connection.fetch(device_store.SQL.list_entries, number, limit)
        frames = []
        for start in range(0, len(rows), ENTRIES_MAX):
            part = rows[start : start + ENTRIES_MAX]
            head = ListHead(number=part[-1]["number"], hash=part[-1]["hash"], time_ms=time_ms)
            frames.append(self._frame(head, [each["entry"] for each in part], control))
        return frames

    def _frame(self, head: ListHead, entries: list[bytes], control: Control) -> bytes:
        brings = head.number - len(entries), head.number
        if brings not in self._kept:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[brings] = self._sign(head, entries, control)
        return self._kept[brings]

    def _sign(self, head: ListHead, entries: list[bytes], control: Control) -> bytes:
        try:
            signer = self._signers.at(control, head.time_ms)
        except KeyStoreError:
            raise refuse(Code.UNAVAILABLE) from None
        record = control.keys[signer.public_key]
        certificate = record.certificate or self._of_genesis.get(signer.public_key)
        if certificate is None:
            raise refuse(Code.UNAVAILABLE)
        return sign_frame(head, entries, signer, certificate, control.network.id)
