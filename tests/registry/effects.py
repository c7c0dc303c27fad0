"""Send an order that must be refused, and prove that it had no effect.

No effect means: no balance, counter, key, quota or rulebook has changed. A final refusal stands in
a block and is answered again, the very same, to the same order; any other leaves the id free.
"""

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.central_bank.registry.store import find_used
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import FINAL_CODES, Code, Refusal
from tests.registry.network import OPERATORS
from tests.registry.world import RegistryWorld

_STATE = """
SELECT coalesce(string_agg(line, ';' ORDER BY line), '') FROM (
    SELECT 'account' || account::text AS line FROM account
    UNION ALL SELECT 'key' || certified_key::text FROM certified_key
    UNION ALL SELECT 'operator' || operator::text FROM operator
    UNION ALL SELECT 'rulebook' || rulebook_in_force::text FROM rulebook_in_force
    UNION ALL SELECT 'safeguard' || safeguard::text FROM safeguard
    UNION ALL SELECT 'carrier' || carrier::text FROM carrier
    UNION ALL SELECT 'halt' || halt::text FROM halt
    UNION ALL SELECT 'device' || device::text FROM device
    UNION ALL SELECT 'payment' || offline_payment::text FROM offline_payment
    UNION ALL SELECT 'revocation' || revocation::text FROM revocation
) AS lines
"""


async def state(world: RegistryWorld) -> str:
    """Everything that an order can change, blocks and used ids aside."""
    async with world.database.connection() as connection:
        lines: str = await connection.fetchval(_STATE)
    return f"{world.writer.tip.totals}{lines}"


async def is_used(world: RegistryWorld, submission: bytes) -> bool:
    """Say whether the id of an order is used up."""
    order = parse(submission)
    async with world.database.connection() as connection:
        return await find_used(connection, order.scope, order.id) is not None


async def refused(
    world: RegistryWorld,
    submission: bytes,
    code: Code,
    *fields: int | str,
    operator: int = OPERATORS[0],
    caller: Certified | None = None,
) -> Answer:
    """Send an order that must be refused with this code, and check that it has no effect.

    Args:
        world: The registry.
        submission: The order.
        code: Of the refusal that must come.
        fields: Its values, from the first on; those that a test does not care for may lack.
        operator: Whose transport key brings the order.
        caller: Another key that brings it.
    """
    sender = caller or world.transport(operator)
    before, height = await state(world), world.height
    [answer] = await world.intake.take(submission, sender)
    if code in FINAL_CODES:
        assert answer.refusal is None, answer
        assert answer.outcome[: 1 + len(fields)] == (code, *fields)
        assert (answer.height, answer.position) == (height + 1, 0)
        assert await world.intake.take(submission, sender) == [answer]
        assert world.height == height + 1
    else:
        assert answer.refusal is not None, answer
        assert answer.refusal.code is code, answer.refusal
        assert tuple(answer.refusal.fields.values())[: len(fields)] == fields
        assert world.height == height
        assert not _is_order(submission) or not await is_used(world, submission)
    assert await state(world) == before
    return answer


def _is_order(submission: bytes) -> bool:
    try:
        parse(submission)
    except Refusal:
        return False
    return True
