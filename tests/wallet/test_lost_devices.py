"""Reporting and claiming devices that are not at hand."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jiaozi.wallet.errors import DeviceUnknown
from jiaozi.wallet.offline.devices import claim, report_lost
from jiaozi.wallet.wallet import Wallet


@pytest.mark.parametrize("act", [report_lost, claim])
async def test_a_device_that_is_not_the_wallets_is_told(
    wallet: Wallet, act: Callable[[Wallet, bytes], Awaitable[Any]]
) -> None:
    with pytest.raises(DeviceUnknown, match="jiaozi wallet offline devices"):
        await act(wallet, bytes(32))
