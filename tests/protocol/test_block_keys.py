"""rules.md §B.5: who may sign headers, and when: genesis, the root's certificates, revocations."""

import pytest

from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer, Suite
from tests.protocol.builders import ROOT, genesis_bytes

FROM_MS, UNTIL_MS = 1_000, 2_000
NEW = Ed25519Signer(bytes([77]) * 32)
NETWORK = read_genesis(genesis_bytes())
[FIRST] = [each for each in NETWORK.genesis.keys if each.use is Use.REGISTRY_BLOCK]


def certificate(
    use: Use = Use.REGISTRY_BLOCK,
    root: Ed25519Signer = ROOT,
    network: NetworkId = NETWORK.id,
) -> bytes:
    certified = Certified(
        use=use, operator=0, suite=Suite.ED25519, key=NEW.public_key,
        not_before_ms=FROM_MS, not_after_ms=UNTIL_MS,
    )  # fmt: skip
    return certify(certified, root, network)


def known(*certificates: bytes, network: Network = NETWORK) -> BlockKeys:
    return BlockKeys.of_network(network, certificates)


def test_b5_a_key_of_genesis_signs_in_its_time() -> None:
    for time_ms, may in (
        (FIRST.not_before_ms - 1, False),
        (FIRST.not_before_ms, True),
        (FIRST.not_after_ms - 1, True),
        (FIRST.not_after_ms, False),
    ):
        assert known().accept(FIRST.key, time_ms) is may


def test_b5_a_key_of_a_certificate_signs_in_its_time() -> None:
    assert not known().accept(NEW.public_key, FROM_MS)
    keys = known(certificate())
    times_ms = (FROM_MS - 1, FROM_MS, UNTIL_MS - 1, UNTIL_MS)
    assert [keys.accept(NEW.public_key, each) for each in times_ms] == [False, True, True, False]
    assert keys.accept(FIRST.key, FIRST.not_before_ms)


def test_b5_a_certificate_for_another_use_lets_nobody_sign_blocks() -> None:
    assert not known(certificate(Use.AUDITOR)).accept(NEW.public_key, FROM_MS)


@pytest.mark.parametrize(
    "forged", [certificate(root=NEW), certificate(network=NetworkId(bytes(32)))]
)
def test_b5_a_certificate_that_the_root_did_not_sign_for_this_network_is_refused(
    forged: bytes,
) -> None:
    with pytest.raises(Refusal) as refusal:
        known(forged)
    assert refusal.value.code is Code.SIGNATURE_INVALID


def test_b5_a_revoked_key_signs_no_header_of_a_later_time() -> None:
    keys = known(certificate()).revoked({NEW.public_key: FROM_MS + 10})
    times_ms = (FROM_MS, FROM_MS + 10, FROM_MS + 11)
    assert [keys.accept(NEW.public_key, each) for each in times_ms] == [True, True, False]
    assert keys.accept(FIRST.key, FIRST.not_before_ms)


def test_b5_a_certificate_does_not_lengthen_the_life_of_a_key_of_genesis() -> None:
    longer = Certified(
        use=Use.REGISTRY_BLOCK, operator=0, suite=Suite.ED25519, key=FIRST.key,
        not_before_ms=0, not_after_ms=2**48 - 1,
    )  # fmt: skip
    keys = known(certify(longer, ROOT, NETWORK.id))
    assert not keys.accept(FIRST.key, FIRST.not_after_ms)


def test_stated_keys_sign_at_any_time() -> None:
    keys = BlockKeys.stated(NEW.public_key)
    assert keys.accept(NEW.public_key, 0)
    assert keys.accept(NEW.public_key, 2**48 - 1)
    assert not keys.accept(FIRST.key, FIRST.not_before_ms)
