"""Another COSE library's word on our messages; runs in `.venv-cose`, never in the project's.

Reads a JSON request on standard input and writes the answer on standard output::

    request = {"external_aad", "check": [{"message", "keys"}], "make": [{"payload", "seeds"}]}
    answer  = {"versions", "checked": [[payload by each key, …]], "forged": [how many altered
               messages were taken], "canonical": [bool], "made": [message]}
"""

import json
import sys
from importlib.metadata import version

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey, COSEKeyParams, CWTError, Signer

KEY_TYPE_OKP, CURVE_ED25519 = 1, 6


def key_of(public: bytes, seed: bytes | None = None) -> COSEKey:
    parameters = {
        COSEKeyParams.KTY: KEY_TYPE_OKP,
        COSEKeyParams.ALG: COSEAlgs.EDDSA,
        COSEKeyParams.KID: public,
        COSEKeyParams.CRV: CURVE_ED25519,
        COSEKeyParams.X: public,
    }
    return COSEKey.new(parameters if seed is None else parameters | {COSEKeyParams.D: seed})


def pair_of(seed: bytes) -> COSEKey:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key_of(public.public_bytes(Encoding.Raw, PublicFormat.Raw), seed)


def check(message: bytes, public: bytes, aad: bytes) -> str:
    """The payload, when the library takes the message as signed by this key."""
    _, _, payload = COSE.new().decode_with_headers(message, key_of(public), external_aad=aad)
    return payload.hex()


def is_taken(message: bytes, public: bytes, aad: bytes) -> bool:
    try:
        check(message, public, aad)
    except (CWTError, ValueError):
        return False
    return True


def forged(message: bytes, public: bytes, aad: bytes) -> int:
    """How many of some altered messages the library takes: other data, other key, other bytes."""
    changed = message[:-1] + bytes([message[-1] ^ 1])
    other = pair_of(bytes(32)).to_dict()[COSEKeyParams.X]
    return sum(
        is_taken(*each)
        for each in ((message, public, aad + b"\0"), (message, public, b""), (message, other, aad))
    ) + (message[:1] == b"\xd2" and is_taken(changed, public, aad))


def is_canonical(message: bytes) -> bool:
    return cbor2.dumps(cbor2.loads(message), canonical=True) == message


def make(payload: bytes, seeds: list[bytes], aad: bytes) -> str:
    keys = [pair_of(seed) for seed in seeds]
    headers = [{COSEHeaders.ALG: COSEAlgs.EDDSA, COSEHeaders.KID: each.kid} for each in keys]
    if len(keys) == 1:
        made = COSE.new().encode(payload, keys[0], protected=headers[0], external_aad=aad)
    else:
        signers = [Signer.new(*each) for each in zip(keys, headers, strict=True)]
        made = COSE.new().encode(payload, signers=signers, external_aad=aad)
    return made.hex()


def main() -> None:
    request = json.load(sys.stdin)
    aad = bytes.fromhex(request["external_aad"])
    checks = [
        (bytes.fromhex(each["message"]), [*map(bytes.fromhex, each["keys"])])
        for each in request["check"]
    ]
    answer = {
        "versions": {name: version(name) for name in ("cwt", "cbor2", "cryptography")},
        "checked": [[check(message, key, aad) for key in keys] for message, keys in checks],
        "forged": [forged(message, keys[0], aad) for message, keys in checks],
        "canonical": [is_canonical(message) for message, _ in checks],
        "made": [
            make(bytes.fromhex(each["payload"]), [*map(bytes.fromhex, each["seeds"])], aad)
            for each in request["make"]
        ],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
