"""A point of sale of a merchant, in a directory of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from jiaozi.protocol.offline.certificate import Profile
from jiaozi.wallet.offline.sales import Sales
from jiaozi.wallet.offline.software import SoftwarePurse
from jiaozi.wallet.offline.till import Till
from tests.protocol.builders import signer_of
from tests.protocol.offline_builders import ANCHOR, PAYEE, chain_of, device_of


class Shop(SimpleNamespace):
    """The terminal's purse, its sales and the till over both."""

    purse: SoftwarePurse
    sales: Sales
    till: Till


def make_terminal(directory: Path) -> None:
    """Certify a terminal that takes up to 9 yuan."""
    chain = chain_of(device_of(PAYEE, profile=Profile.TERMINAL))
    SoftwarePurse.create(directory / "purse", chain, signer_of(PAYEE), ANCHOR).close()


@contextmanager
def shop_in(directory: Path) -> Iterator[Shop]:
    """Open a terminal; opened again it goes on from what is on disk."""
    if not (directory / "purse").exists():
        make_terminal(directory)
    purse = SoftwarePurse(directory / "purse", signer_of(PAYEE), ANCHOR)
    with purse, Sales(directory / "sales") as sales:
        yield Shop(purse=purse, sales=sales, till=Till(purse, sales))
