"""Where a benchmark runs: its database and the processes under measurement."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from jiaozi.bench.machine import cpu_s
from jiaozi.storage.database import Database

Progress = Callable[[str], None]
"""Told in a few words what is done now."""

_GROWING = ("block", "used_id", "feed_block", "account")
_STOP_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Site:
    """A registry's database, its genesis, and the process id of its PostgreSQL."""

    dsn: str
    genesis: Path
    postgres_pid: int


class RunningRegistry:
    """A registry process that takes requests."""

    def __init__(self, process: psutil.Process, postgres: psutil.Process, url: str) -> None:
        self.registry = process
        self.url = url
        self._postgres = postgres

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds used so far, by kind of process."""
        postgres = [self._postgres, *self._postgres.children(recursive=True)]
        verifiers = self.registry.children(recursive=True)
        return {
            "registry": cpu_s([self.registry]),
            "verifiers": cpu_s(verifiers),
            "postgres": cpu_s(postgres),
        }


@contextmanager
def registry_process(site: Site) -> Iterator[RunningRegistry]:
    """Run a registry until the end of the context."""
    command = [sys.executable, "-m", "jiaozi.bench.registry_process", site.dsn, str(site.genesis)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, "the registry did not start; see its log above"
            yield RunningRegistry(
                psutil.Process(process.pid), psutil.Process(site.postgres_pid), url
            )
        finally:
            process.terminate()
            process.wait(_STOP_TIMEOUT_S)


async def table_bytes(database: Database) -> dict[str, int]:
    """Return the sizes of the tables that grow, with indexes and partitions."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT root.name, sum(pg_total_relation_size(tree.relid))::bigint AS size "
            "FROM unnest($1::text[]) AS root (name), "
            "LATERAL pg_partition_tree(root.name::regclass) AS tree GROUP BY root.name",
            list(_GROWING),
        )
    return {row["name"]: row["size"] for row in rows}
