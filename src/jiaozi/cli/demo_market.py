"""What `jiaozi demo` shows of its day without network."""

from typing import Any

from jiaozi.cli.output import print_facts, print_table, stdout, yuan
from jiaozi.demo.market_day import Found
from jiaozi.demo.market_plan import BUYERS, COPIED, LOADED_FEN, SALES, STALLS, Sale, held_fen
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
        "cards": 0 if found.card_left_out else sum(each.has_card for each in BUYERS),
        "cards_left_out": found.card_left_out,
    }


def tell_market(found: Found, offline_fen: int) -> None:
    """Print who paid whom, what came to light, and who bears it.

    Args:
        found: What came to light.
        offline_fen: Of the offline account.
    """
    rows = [
        (_payer(each), each.payee, yuan(each.amount_fen), str(each.hops), _evening(each))
        for each in SALES
    ]
    stdout.print()
    print_table(_COLUMNS, rows, amounts=_COLUMNS[2:4])
    stdout.print()
    spent_fen = sum(each.amount_fen for each in SALES if each.payer == COPIED)
    print_facts(
        {
            "Market day": f"{len(BUYERS)} buyers paid at {len(STALLS)} stalls, purse to purse and "
            "with nobody else to ask. A stall paid another with what it had just got.",
            "Copied purse": f"{COPIED}'s purse held {yuan(LOADED_FEN)} yuan; a copy of its file "
            f"let {yuan(spent_fen)} be spent from it. No stall could see that. In the evening two "
            "payments under one number convicted it; both stalls have their money, "
            f"{yuan(found.covered_fen)} of it from the guarantee of the operator that certified "
            f"the purse. The next morning a stall refused it: {found.refused.name.lower()}.",
            "Card": f"Nobody had one. {found.card_left_out}"
            if found.card_left_out
            else "Hua paid by card: a process of its own in a virtual reader, behind a real pcscd.",
            "Proof": "The operator wrote both payments into a file, and the file and genesis alone "
            "proved it: `jiaozi offline verify-proof`.",
            "Left in purses": f"{yuan(found.shadow_fen)} yuan by their shadow balances, "
            f"{yuan(offline_fen)} in the offline account.",
        }
    )


def _payer(sale: Sale) -> str:
    return f"{sale.payer}, by a copy" if sale.is_copy else sale.payer


def _evening(sale: Sale) -> str:
    return "settled; spent twice" if sale.payer == COPIED else "settled"
