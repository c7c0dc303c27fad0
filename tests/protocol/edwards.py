"""The curve of Ed25519 by the text of RFC 8032, slow and lenient: what a careless verifier does.

It makes the messages that a strict verifier must refuse: keys and `R` of small order, encodings
that are not canonical, an `S` above the group order. Points are (x, y) modulo `P`.
"""

from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
NEUTRAL = (0, 1)
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def decode(data: bytes) -> Point | None:
    """Decode a point, taking any y and any sign of x = 0."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number % 2**255 % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P), y


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def hash_of(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + key + message).digest(), "little") % ORDER


def verify_carelessly(key: bytes, message: bytes, signature: bytes) -> bool:
    """Check S B = R + h A and nothing else, as many libraries once did."""
    r, a = decode(signature[:32]), decode(key)
    if r is None or a is None:
        return False
    s = int.from_bytes(signature[32:], "little")
    return multiply(s, BASE) == add(r, multiply(hash_of(signature[:32], key, message), a))


def secret_scalar(seed: bytes) -> int:
    number = int.from_bytes(sha512(seed).digest()[:32], "little")
    return number & ~7 & (2**255 - 1) & ~(1 << 255) | 1 << 254


BASE: Point = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


def torsion_of_order_8() -> Point:
    """A point whose multiples are the eight points of small order."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        if point is not None:
            small = multiply(ORDER, point)
            if multiply(4, small) != NEUTRAL:
                return small
        y += 1


SMALL = tuple(multiply(times, torsion_of_order_8()) for times in range(8))


def encodings_of(point: Point) -> list[bytes]:
    """Every string of 32 bytes that decodes leniently to a point, its own one first."""
    x, y = point
    signs = (x & 1,) if x else (0, 1)
    numbers = [each for each in (y, y + P) if each < 2**255]
    return [(each | sign << 255).to_bytes(32, "little") for each in numbers for sign in signs]
