"""`jiaozi card issue`: a blank card becomes a purse, of a wallet or of nobody who is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from jiaozi.cli.arguments import address_of, amount_of, network_id_of
from jiaozi.cli.card_setup import AtReader, at_reader
from jiaozi.cli.output import AsJson, print_facts, print_json, yuan
from jiaozi.cli.wallet_offline_desk import tell_certified
from jiaozi.cli.wallet_setup import failures_told
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.issue_codes import read_issue_code
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.offline.certificate import Anchor, Chain
from jiaozi.wallet.answers import take
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.keystore import read_public
from jiaozi.wallet.offline import desk
from jiaozi.wallet.offline.issue import Issue, issue, new_puk, renew
from jiaozi.wallet.open import learn_network
from jiaozi.wallet.transport import Transport
from jiaozi.wallet.wallet import Wallet, keystore_path


def _issue_code(text: str) -> bytes:
    try:
        return read_issue_code(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Anonymous = Annotated[
    str | None,
    typer.Option(
        "--anonymous-at",
        metavar="URL",
        help="The card belongs to nobody who is known, at this operator; no wallet is needed.",
    ),
]
IssueCode = Annotated[
    bytes | None,
    typer.Option(
        parser=_issue_code,
        metavar="CODE",
        help="For an anonymous card: what the operator's clerk gave out with it, good once.",
    ),
]
NetworkOption = Annotated[
    str | None,
    typer.Option("--network-id", help="The network's id, learnt by another way, to be compared."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The operator's desk, for a card of a wallet or an anonymous one.

    Attributes:
        wallet: Unlocked; None for an anonymous card.
        issue_code: For an anonymous card that is new.
    """

    client: OperatorClient
    wallet: Wallet | None
    operator: int
    anchor: Anchor
    issue_code: bytes | None = None

    @property
    def number(self) -> int | None:
        """The wallet's."""
        return None if self.wallet is None else self.wallet.number

    async def certify(self, enrolment: bytes) -> Chain:
        """Have a card certified."""
        if self.wallet is None:
            return await desk.enrol_anonymous(self.client, enrolment, self.issue_code)
        return await desk.enrol(self.wallet, enrolment)


@asynccontextmanager
async def desk_for(
    setup: AtReader,
    anonymous_at: str | None,
    network_id: str | None = None,
    *,
    issue_code: bytes | None = None,
) -> AsyncIterator[Desk]:
    """Go to the desk of the wallet's operator, or of the one at an address."""
    if anonymous_at is None:
        public = read_public(keystore_path(setup.directory))
        async with setup.unlocked() as wallet:
            yield Desk(
                client=wallet.client,
                wallet=wallet,
                operator=operator_of(wallet.number),
                anchor=Anchor(network=wallet.network, root_key=public.root_key),
            )
        return
    url = address_of(anonymous_at, "--anonymous-at")
    expected = None if network_id is None else network_id_of(network_id, "--network-id")
    no_limit = httpx.Timeout(None)  # Patience bounds it
    async with httpx.AsyncClient(timeout=no_limit, trust_env=False) as http:
        client = OperatorClient(Transport(http, url, edge=SYSTEM_EDGE, patience=setup.patience))
        network = await learn_network(client, expected=expected)
        yield Desk(
            client=client,
            wallet=None,
            operator=int(take(await client.network(), "operator", str)),
            anchor=Anchor(network=NetworkId(network.id), root_key=network.root_key),
            issue_code=issue_code,
        )


def issue_command(
    context: typer.Context,
    anonymous_at: Anonymous = None,
    issue_code: IssueCode = None,
    network_id: NetworkOption = None,
    balance: Annotated[
        str | None, typer.Option(metavar="YUAN", help="Hold less at most than it might.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a blank card a purse; it makes its key itself. Its PUK is told once: write it down."""
    setup = at_reader(context)
    if (anonymous_at is None) is not (issue_code is None):
        raise typer.BadParameter("--anonymous-at and --issue-code go together")
    limits = {} if balance is None else {"balance_fen": amount_of(balance)}

    async def go() -> tuple[bytes, str]:
        async with desk_for(setup, anonymous_at, network_id, issue_code=issue_code) as at:
            wanted = Issue(
                anchor=at.anchor,
                operator=at.operator,
                wallet=at.number,
                limits=limits,
                pin=setup.card_pin("New PIN for the card", is_new=True),
                puk=new_puk(SYSTEM_EDGE.random),
            )
            with setup.card() as card:
                key = await issue(card, wanted, at.certify)
                card.show_pin(wanted.pin)
                await desk.synchronise(at.client, card, SYSTEM_EDGE)
            return key, wanted.puk

    with failures_told(as_json=as_json):
        key, puk = asyncio.run(go())
    if as_json:
        print_json({"device": key.hex(), "puk": puk, "is_anonymous": anonymous_at is not None})
    else:
        print_facts(
            {
                "Device": key.hex(),
                "PUK": puk,
                "Next": "write the PUK down: it unblocks the PIN, and is not told again",
            }
        )


def renew_command(
    context: typer.Context,
    anonymous_at: Anonymous = None,
    as_json: AsJson = False,
) -> None:
    """Have the card certified anew, once that is due; `sync` does it too, for a wallet's card."""
    setup = at_reader(context)

    async def go() -> int:
        async with desk_for(setup, anonymous_at) as at:
            with setup.card() as card:
                await renew(card, at.operator, at.number, at.certify)
                return card.view().device.not_after_ms

    with failures_told(as_json=as_json):
        not_after_ms = asyncio.run(go())
    tell_certified(not_after_ms, as_json=as_json)


def synchronise_command(
    context: typer.Context, anonymous_at: Anonymous = None, as_json: AsJson = False
) -> None:
    """Hand in what the card paid and took, fetch loads on the way, begin its limits afresh."""
    setup = at_reader(context)

    async def go() -> tuple[int, int, int]:
        async with desk_for(setup, anonymous_at) as at:
            with setup.card() as card:
                loads = 0 if at.wallet is None else await desk.fetch_loads(at.wallet, card)
                entries = card.view().entries
                await desk.synchronise(at.client, card, SYSTEM_EDGE)
                if at.wallet is not None:
                    await desk.renew_if_due(at.wallet, card)
                return loads, entries, card.view().balance_fen

    with failures_told(as_json=as_json):
        loads, entries, held_fen = asyncio.run(go())
    if as_json:
        print_json({"loads": loads, "entries": entries, "balance_fen": held_fen})
    else:
        print_facts(
            {
                "Handed in": f"{entries} entries",
                "Loads fetched": str(loads) if loads else None,
                "The card holds": f"{yuan(held_fen)} yuan",
            }
        )
