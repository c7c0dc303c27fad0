"""How commands read what they are given: amounts, numbers, addresses, bytes in hexadecimal."""

from typing import Annotated

import httpx
import typer

from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.money import Fen, parse_yuan
from jiaozi.protocol.numbers import AccountNumber, is_wallet_number, parse_number

_NETWORK_ID_LENGTH = 32

Yuan = Annotated[str, typer.Argument(metavar="YUAN", help="An amount, such as 12.50.")]
"""What `amount_of` reads."""


def amount_of(text: str) -> Fen:
    """Read an amount in yuan."""
    try:
        return parse_yuan(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}") from error


def number_of(text: str) -> AccountNumber:
    """Read a wallet's number."""
    try:
        number = parse_number(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}") from error
    if not is_wallet_number(number):
        raise typer.BadParameter(f"{text} is an institution's account, not a wallet")
    return number


def hexadecimal(text: str, length: int, name: str, option: str | None = None) -> bytes:
    """Read so many bytes in hexadecimal."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != length:
        raise typer.BadParameter(f"{name} is {2 * length} hexadecimal digits", param_hint=option)
    return value


def network_id_of(text: str, option: str) -> NetworkId:
    """Read a network's id."""
    return NetworkId(hexadecimal(text, _NETWORK_ID_LENGTH, "a network's id", option))


def address_of(text: str, option: str) -> str:
    """Read the address of a service, without a slash at its end."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise typer.BadParameter(f"{text}: {error}", param_hint=option) from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise typer.BadParameter(
            f"{text} is no address such as https://operator.example", param_hint=option
        )
    return text.rstrip("/")
