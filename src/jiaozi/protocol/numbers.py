"""Account numbers: 16 digits, of which the last is a check digit.

===========  ======  =====================================================
digits       length  meaning
===========  ======  =====================================================
prefix       4       the operator's code; 0000 is the central bank
serial       11      random for wallets, fixed for an institution's own accounts
check digit  1       ISO/IEC 7064 MOD 11,10 over the 15 digits before it
===========  ======  =====================================================

A number is an integer in messages and databases and is printed with all its 16 digits.
"""

from typing import NewType

AccountNumber = NewType("AccountNumber", int)
OperatorCode = NewType("OperatorCode", int)

CENTRAL_BANK = OperatorCode(0)
"""The prefix of the central bank's own accounts."""

OPERATOR_CODE_MAX = 9999
SERIAL_MAX = 10**11 - 1
WALLET_SERIAL_MIN = 10**6
"""Serials below this one belong to the institution itself."""


def check_digit(digits: str) -> int:
    """Return the ISO/IEC 7064 MOD 11,10 check digit of a string of decimal digits."""
    product = 10
    for digit in digits:
        total = (product + int(digit)) % 10 or 10
        product = (2 * total) % 11
    return (11 - product) % 10


def account_number(operator: int, serial: int) -> AccountNumber:
    """Compose a number from an operator's code (0 to 9999) and a serial (0 to 10^11 - 1).

    Raises:
        ValueError: Code or serial out of range.
    """
    if not 0 <= operator <= OPERATOR_CODE_MAX or not 0 <= serial <= SERIAL_MAX:
        raise ValueError("an account number needs a code of 4 digits and a serial of 11")
    body = f"{operator:04d}{serial:011d}"
    return AccountNumber(int(body) * 10 + check_digit(body))


def operator_of(number: int) -> OperatorCode:
    """Return the code of the operator whose prefix the number bears."""
    return OperatorCode(number // 10**12)


def first_number(operator: int) -> int:
    """Return where the numbers begin that bear an operator's prefix; no account has this one."""
    return operator * 10**12


def is_wallet_number(number: int) -> bool:
    """Say whether the number is well formed, its check digit holds and it may be a wallet's."""
    if not 10**12 <= number < 10**16:
        return False
    return (number // 10) % 10**11 >= WALLET_SERIAL_MIN and _check_holds(number)


def format_number(number: int) -> str:
    """Return the 16 digits of a number."""
    return f"{number:016d}"


def parse_number(text: str) -> AccountNumber:
    """Read 16 digits, with or without spaces between groups.

    Raises:
        ValueError: Not 16 digits, or the check digit does not hold.
    """
    digits = text.replace(" ", "")
    if len(digits) != 16 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("an account number has 16 digits")
    if not _check_holds(int(digits)):
        raise ValueError("the check digit of this account number does not hold: look for a typo")
    return AccountNumber(int(digits))


def _check_holds(number: int) -> bool:
    return check_digit(f"{number // 10:015d}") == number % 10


ISSUANCE = account_number(CENTRAL_BANK, 1)
"""Currency ledger: minus its balance is the money outstanding."""
SETTLEMENT = account_number(CENTRAL_BANK, 2)
"""Reserves ledger: the contra account of all operators' reserves."""
OFFLINE = account_number(CENTRAL_BANK, 3)
"""Currency ledger: value that is on devices."""


def vault_of(operator: int) -> AccountNumber:
    """Return the number of an operator's vault: its own stock of digital yuan."""
    return account_number(operator, 1)


def reserve_of(operator: int) -> AccountNumber:
    """Return the number of an operator's reserve account at the central bank."""
    return account_number(operator, 2)


def guarantee_of(operator: int) -> AccountNumber:
    """Return the number of an operator's guarantee account for offline payments."""
    return account_number(operator, 3)
