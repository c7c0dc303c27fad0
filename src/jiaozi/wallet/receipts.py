"""Receipts: fetched from an operator, believed only because they prove themselves.

To check a receipt that lies in a file takes no wallet: `protocol.receipts.verify_receipt`, with the
network's id and the keys of its blocks.
"""

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.receipts import Receipt, verify_receipt
from jiaozi.protocol.refusals import Refusal
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.wallet import Wallet


async def get_receipt(wallet: Wallet, order_id: OrderId) -> tuple[bytes, Receipt]:
    """Fetch the receipt of an order and check it against the registry's block keys.

    Raises:
        Refusal: The operator has none to show.
        NoAnswer: The operator did not answer.
        AnswerMalformed: What came proves nothing, or another order.
    """
    data = await wallet.client.receipt(order_id)
    try:
        receipt = await wallet.block_keys.checked(
            lambda keys: verify_receipt(data, block_keys=keys, network=wallet.network)
        )
    except Refusal as refusal:
        raise AnswerMalformed(detail=f"The receipt does not hold: {refusal}") from refusal
    if receipt.order.id != order_id:
        raise AnswerMalformed(detail="The receipt is of another order")
    return data, receipt
