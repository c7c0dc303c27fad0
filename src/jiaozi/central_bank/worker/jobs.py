"""The jobs: daily statements at midnight UTC+8, and at once when a worker starts."""

import time
from collections.abc import Callable
from contextlib import suppress

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job, Status

from jiaozi.central_bank.statements.make import MakeStatements

SCHEMA = "procrastinate"
"""Of the tables that jobs are kept in, beside the registry's own."""
MIDNIGHT = "0 16 * * *"
"""In UTC: midnight of UTC+8."""
RETRY_MIN_S = 2
RETRY_MAX_S = 300

_STATEMENTS = "daily-statements"
_LOCK_KEY = 0x6A6F6273  # "jobs" in ASCII: two workers may start at once


class DayNotEnded(Exception):
    """No block of the new day is there yet: the registry is late, or away."""

    def __str__(self) -> str:
        return "The registry has no block of this day yet; the statements wait for one."


class _LaterAndLater(procrastinate.BaseRetryStrategy):
    """Try again until it is done, after pauses that grow."""

    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> procrastinate.RetryDecision:
        pause_s = min(RETRY_MIN_S * 2 ** min(job.attempts, 16), RETRY_MAX_S)
        return procrastinate.RetryDecision(retry_in={"seconds": pause_s})


def new_app(
    dsn: str,
    make_statements: MakeStatements,
    *,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> procrastinate.App:
    """Name the jobs and when they are due; nothing runs yet."""
    connector = procrastinate.PsycopgConnector(
        conninfo=dsn, kwargs={"options": f"-c search_path={SCHEMA}"}, min_size=1, max_size=4
    )
    app = procrastinate.App(connector=connector)

    @app.periodic(cron=MIDNIGHT)
    @app.task(name=_STATEMENTS, queueing_lock=_STATEMENTS, retry=_LaterAndLater())
    async def daily_statements(timestamp: int) -> None:
        """Make what is due, whenever it was; a job that a dead worker left is done with that."""
        for job in await app.job_manager.get_stalled_jobs(task_name=_STATEMENTS):
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        await make_statements()
        if not await make_statements.has_block_of(now_ms()):
            raise DayNotEnded

    return app


async def prepare(app: procrastinate.App, dsn: str) -> None:
    """Make the tables of jobs unless they are there.

    Raises:
        psycopg.OperationalError: The database cannot be used.
    """
    async with (
        await psycopg.AsyncConnection.connect(dsn) as connection,
        connection.cursor() as cursor,
    ):
        await cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        await cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,))
        row = await cursor.fetchone()
        assert row is not None, "a question without a table has an answer"
        if not row[0]:
            await cursor.execute(f"CREATE SCHEMA {SCHEMA}; SET LOCAL search_path = {SCHEMA}")
            await cursor.execute(app.schema_manager.get_schema())


async def catch_up(app: procrastinate.App) -> None:
    """See at once to what was missed; `app` is open."""
    with suppress(AlreadyEnqueued):
        await app.configure_task(_STATEMENTS).defer_async(timestamp=int(time.time()))
