"""Accounts that the writer has at hand, as they were committed last.

Nobody else writes accounts while the writer leads, so what it has loaded or changed and committed
is what the database holds. After any fault it forgets all of them, because what was not committed
may have been changed here.
"""

from collections.abc import Iterable

from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.model import Account
from jiaozi.storage.database import Connection

ACCOUNTS_MAX = 200_000
"""About 150 MB; beyond it all are forgotten, which costs a few batches a look at the database."""


class AccountCache:
    """Accounts by number; what is lent is changed in place."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}

    def clear(self) -> None:
        """Forget all accounts."""
        self._accounts.clear()

    async def load(self, connection: Connection, numbers: Iterable[int]) -> dict[int, Account]:
        """Return accounts and the heads of their groups; those that do not exist are left out."""
        known = self._accounts
        if len(known) > ACCOUNTS_MAX:
            known.clear()
        accounts: dict[int, Account] = {}
        wanted = set(numbers)
        while wanted:
            missing = wanted - known.keys()
            if missing:
                known |= await store.load_accounts(connection, missing)
            accounts |= {number: known[number] for number in wanted if number in known}
            wanted = {each.head for each in accounts.values()} - accounts.keys()
        return accounts
