"""Domain tags: what a signature was made for, so that it holds for nothing else.

Every signature covers ``tag || network id`` as COSE's external authenticated data. The network id
is the hash of genesis; genesis itself is signed under `NO_NETWORK`.
"""

from enum import Enum
from typing import NewType

NetworkId = NewType("NetworkId", bytes)

NO_NETWORK = NetworkId(bytes(32))


class Domain(Enum):
    """One tag per kind of signed message."""

    GENESIS = b"jiaozi/genesis/1"
    CERTIFICATE = b"jiaozi/certificate/1"
    ORDER = b"jiaozi/order/1"
    HEADER = b"jiaozi/header/1"
    LOGIN = b"jiaozi/login/1"
    DAILY_STATEMENT = b"jiaozi/daily-statement/1"
    WALLET_STATEMENT = b"jiaozi/wallet-statement/1"
    ATTESTATION = b"jiaozi/attestation/1"
    PAYMENT_REQUEST = b"jiaozi/payment-request/1"
    DEVICE = b"jiaozi/device/1"
    OFFLINE_ENROLMENT = b"jiaozi/offline-enrolment/1"
    OFFLINE_LOAD = b"jiaozi/offline-load/1"
    OFFLINE_REQUEST = b"jiaozi/offline-request/1"
    OFFLINE_PAYMENT = b"jiaozi/offline-payment/1"
    OFFLINE_ACKNOWLEDGEMENT = b"jiaozi/offline-acknowledgement/1"
    OFFLINE_STATEMENT = b"jiaozi/offline-statement/1"
    OFFLINE_CHECKPOINT = b"jiaozi/offline-checkpoint/1"
    REVOCATION_LIST = b"jiaozi/revocation-list/1"


def external_aad(domain: Domain, network: NetworkId) -> bytes:
    """Return the external authenticated data of a message kind in a network."""
    return domain.value + network
