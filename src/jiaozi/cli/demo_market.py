"""What `jiaozi demo` shows of its day without network."""

from typing import Any

from jiaozi.cli.output import print_facts, print_table, stdout, yuan
from jiaozi.demo.market_day import Found
from jiaozi.demo.market_plan import (
    BUYERS,
    CARDHOLDERS,
    COPIED,
    LOADED_FEN,
    SALES,
    STALLS,
    Sale,
    held_fen,
)
from jiaozi.demo.story import Told

_COLUMNS = ("Without network", "to the stall", "Yuan", "Hands", "In the evening")


def market_document(told: Told) -> dict[str, Any]:
    """Return the day for programs; sums in fen."""
    found, books = told.market, told.books
    return {
        "purses": len(BUYERS) + len(STALLS),
        "loaded_fen": LOADED_FEN * len(BUYERS),
        "payments": len(SALES),
        "paid_fen": sum(each.amount_fen for each in SALES),
        "hops_max": max(each.hops for each in SALES),
        "settled": found.settled,
        "unloaded_fen": sum(held_fen(each.name) for each in STALLS),
        "double_spends": found.proofs,
        "proofs_verified": found.proofs,
        "covered_fen": found.covered_fen,
        "shadow_fen": found.shadow_fen,
        "offline_fen": books.offline_fen,
        "in_guarantee_fen": books.in_guarantee_fen,
        "copy_refused": found.refused.name.lower(),
        "cards": 0 if found.cards_left_out else len(CARDHOLDERS),
        "cloned": "file" if found.cards_left_out else "card",
        "cards_left_out": found.cards_left_out,
    }


def tell_market(found: Found, offline_fen: int) -> None:
    """Print who paid whom, what came to light, and who bears it.

    Args:
        found: What came to light.
        offline_fen: Of the offline account.
    """
    rows = [
        (
            _payer(each, has_cards=not found.cards_left_out),
            each.payee,
            yuan(each.amount_fen),
            str(each.hops),
            _evening(each),
        )
        for each in SALES
    ]
    stdout.print()
    print_table(_COLUMNS, rows, amounts=_COLUMNS[2:4])
    stdout.print()
    print_facts(
        {
            "Market day": f"{len(BUYERS)} buyers paid at {len(STALLS)} stalls, purse to purse and "
            "with nobody else to ask. A stall paid another with what it had just got.",
            **(_without_cards(found.cards_left_out) if found.cards_left_out else _with_cards()),
            "Found out": "In the evening two payments under one number convicted the key that "
            "signed both. Both stalls have their money, "
            f"{yuan(found.covered_fen)} yuan of it from the guarantee of the operator that "
            "certified the key. The next morning a stall refused to take more of it: "
            f"{found.refused.name.lower()}.",
            "Proof": "The operator wrote both payments into a file, and `jiaozi offline "
            "verify-proof` proved it from the file and genesis alone.",
            "Left in purses": f"{yuan(found.shadow_fen)} yuan by their shadow balances, "
            f"{yuan(offline_fen)} in the offline account.",
        }
    )


def _with_cards() -> dict[str, str]:
    return {
        "Cards": f"{' and '.join(CARDHOLDERS)} paid by card: processes of their own in virtual "
        "readers, behind a real pcscd.",
        "Cloned card": f"{COPIED}'s card was cloned, which stands for a chip that was broken "
        "open. A card here is a process that keeps its memory in a file, so that copying the file "
        f"is enough; a chip makes that dear, not impossible. {_spent('Card and clone')}",
    }


def _without_cards(why: str) -> dict[str, str]:
    return {
        "Cards": f"Nobody had one. {why}",
        "Copied purse": f"In place of a card a purse in a file was copied, {COPIED}'s, which "
        f"anyone can do who has the file. {_spent('Purse and copy')}",
    }


def _spent(both: str) -> str:
    spent_fen = sum(each.amount_fen for each in SALES if each.payer == COPIED)
    return (
        f"It held {yuan(LOADED_FEN)} yuan. {both} paid {yuan(spent_fen)} at two stalls, and "
        "neither stall could see it."
    )


def _payer(sale: Sale, *, has_cards: bool) -> str:
    if sale.is_copy:
        return f"{sale.payer}, by a clone" if has_cards else f"{sale.payer}, by a copy"
    return f"{sale.payer}, by card" if has_cards and sale.payer in CARDHOLDERS else sale.payer


def _evening(sale: Sale) -> str:
    return "settled; spent twice" if sale.payer == COPIED else "settled"
