"""`jiaozi operator offline issue-codes`: what lets people who are not known have a card."""

import asyncio
from typing import Annotated

import typer

from jiaozi.cli.failures import failures_told
from jiaozi.cli.operator_life import Clerk, FileNumber
from jiaozi.cli.operator_privacy import Dsn, now_ms, opened
from jiaozi.cli.output import AsJson, local_time, print_json, stderr
from jiaozi.operator.offline.issue_codes import CODES_MAX, MakeIssueCodes
from jiaozi.operator.offline.store import IssueCodeCounts
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.issue_codes import write_issue_code

_DAYS, _DAYS_MAX = 90, 3_650


def issue_codes_command(
    count: Annotated[int, typer.Argument(min=1, max=CODES_MAX, help="How many.")],
    who: Clerk,
    file_number: FileNumber,
    dsn: Dsn,
    days: Annotated[
        int, typer.Option(min=1, max=_DAYS_MAX, help="How long they are good.")
    ] = _DAYS,
    as_json: AsJson = False,
) -> None:
    """Make codes for anonymous cards, one for each; they are told now and never again."""
    expires_ms = now_ms() + days * DAY_MS

    async def make() -> tuple[list[bytes], IssueCodeCounts]:
        async with opened(dsn) as database:
            codes = MakeIssueCodes(database=database, now_ms=now_ms)
            made = await codes(count, expires_ms=expires_ms, clerk=who, file_number=file_number)
            return made, await codes.counts()

    with failures_told(as_json=as_json):
        made, counts = asyncio.run(make())
    texts = list(map(write_issue_code, made))
    if as_json:
        print_json({"issue_codes": texts, "expires_ms": expires_ms, **counts._asdict()})
        return
    for each in texts:
        typer.echo(each)
    stderr.print(
        f"Good until {local_time(expires_ms)}. Codes of this operator: {counts.open} open, "
        f"{counts.used} used, {counts.expired} expired."
    )
