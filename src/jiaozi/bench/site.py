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


class Measured:
    """Processes under measurement, by what they are, with their children."""

    def __init__(self, site: Site) -> None:
        self._roots = {"postgres": psutil.Process(site.postgres_pid)}

    def add(self, name: str, process_id: int) -> None:
        """Add a process."""
        self._roots[name] = psutil.Process(process_id)

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds used so far; a registry's verifiers stand apart."""
        used = {}
        for name, root in self._roots.items():
            children = root.children(recursive=True)
            if name == "registry":
                used["verifiers"] = cpu_s(children)
                children = []
            used[name] = cpu_s([root, *children])
        return used

    def cpu_since(self, before: dict[str, float]) -> dict[str, float]:
        """Return the CPU seconds used since an earlier reading."""
        return {name: seconds - before[name] for name, seconds in self.cpu_s().items()}

    def rss_mb(self, name: str) -> int:
        """Return the memory of one process in MiB, without its children."""
        return int(self._roots[name].memory_info().rss / 2**20)


@contextmanager
def registry_process(site: Site, measured: Measured) -> Iterator[str]:
    """Run a registry until the end of the context; yields its address."""
    with _process("jiaozi.bench.registry_process", site.dsn, str(site.genesis)) as (pid, url):
        measured.add("registry", pid)
        yield url


@contextmanager
def operator_process(code: int, dsn: str, registry_url: str, measured: Measured) -> Iterator[str]:
    """Run an operator until the end of the context; yields its address."""
    with _process("jiaozi.bench.operator_process", str(code), dsn, registry_url) as (pid, url):
        measured.add("operator", pid)
        yield url


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, f"{module} did not start; see its log above"
            yield process.pid, url
        finally:
            process.terminate()
            process.wait(_STOP_TIMEOUT_S)


async def table_bytes(database: Database) -> dict[str, int]:
    """Return the sizes of the tables that grow, with indexes and partitions."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT root.name, pg_total_relation_size(root.name::regclass)::bigint + coalesce("
            "(SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
            "WHERE inhparent = root.name::regclass), 0)::bigint AS size "
            "FROM unnest($1::text[]) AS root (name)",
            list(_GROWING),
        )
    return {row["name"]: row["size"] for row in rows}
