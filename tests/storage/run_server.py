"""Run an embedded PostgreSQL in a process of its own until it is killed; a program for tests."""

import asyncio
import sys
from pathlib import Path

from jiaozi.storage.embedded import EmbeddedPostgres


async def main(home: Path) -> None:
    async with EmbeddedPostgres(home, settings={"shared_buffers": "16MB"}) as server:
        print(server.pid, flush=True)
        await server.watch()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
