"""The registry's block keys as a wallet knows them.

The first is pinned from genesis. When a signature does not hold under the keys known so far, the
operator is asked for the certificates of later ones; the root's signature on them is what counts,
not the operator's word.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import read_unverified
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.answers import take
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.keystore import WalletPublic

Checked = TypeVar("Checked")


class RegistryKeys:
    """The block keys of a wallet's network; ``current`` are those known now."""

    def __init__(self, public: WalletPublic, client: OperatorClient) -> None:
        self._network_id = public.network
        self._client = client
        self.current = BlockKeys.stated(public.block_key)
        self._certificates: dict[bytes, bytes] = {}

    async def checked(self, check: Callable[[BlockKeys], Checked]) -> Checked:
        """Check what the registry signed; where it does not hold, look for new keys once.

        Raises:
            Refusal: What is wrong with it.
            NoAnswer: The operator did not answer.
            AnswerMalformed: Its answer is no document of this network.
        """
        try:
            return check(self.current)
        except Refusal as refusal:
            if refusal.code is not Code.SIGNATURE_INVALID:
                raise
        await self._learn()
        return check(self.current)

    def certificate_of(self, key: bytes) -> bytes | None:
        """Return the certificate of a key; None for one that genesis names."""
        return self._certificates.get(key)

    async def _learn(self) -> None:
        document = await self._client.network()
        try:
            network = read_genesis(base64.b64decode(take(document, "genesis", str), validate=True))
            listed = take(document, "block_keys", list)
            certificates = tuple(
                base64.b64decode(each["certificate"], validate=True)
                for each in listed
                if each["certificate"] is not None
            )
            keys = BlockKeys.of_network(network, certificates).revoked(_revocations_ms(listed))
        except (Refusal, KeyError, TypeError, ValueError, binascii.Error) as error:
            raise AnswerMalformed(detail="The operator's network document is not one") from error
        if network.id != self._network_id:
            raise AnswerMalformed(detail="The operator serves another network")
        self.current = keys
        self._certificates = {read_unverified(each).key: each for each in certificates}


def _revocations_ms(listed: list[Mapping[str, Any]]) -> dict[bytes, int]:
    return {
        bytes.fromhex(each["public_key"]): int(each["revoked_ms"])
        for each in listed
        if each["revoked_ms"] is not None
    }
