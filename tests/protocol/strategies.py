"""What Hypothesis draws: legs and hashes as they may stand in an order."""

from hypothesis import strategies as st

from jiaozi.protocol import numbers
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import LEGS_MAX
from jiaozi.protocol.orders import Leg

accounts = st.builds(
    numbers.account_number,
    st.integers(1, numbers.OPERATOR_CODE_MAX),
    st.integers(numbers.WALLET_SERIAL_MIN, numbers.SERIAL_MAX),
)
legs_of_payments = st.lists(
    st.builds(
        Leg, accounts, accounts, st.integers(1, FEN_MAX // LEGS_MAX),
        st.binary(min_size=16, max_size=16),
    ).filter(lambda each: each.debit != each.credit),
    min_size=1,
    max_size=LEGS_MAX,
)  # fmt: skip
hashes = st.binary(min_size=32, max_size=32)
