"""Run commands of `jiaozi` as a user does, and read what they print for programs."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from jiaozi.demo.errors import DemoFailed

_REFUSED = 1


async def run_command(
    *arguments: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    may_refuse: bool = False,
) -> dict[str, Any]:
    """Run a command with ``--json`` and return its object.

    Args:
        arguments: Of `jiaozi`.
        environment: Set beside our own.
        may_refuse: Take a refusal for an answer, too.

    Raises:
        DemoFailed: It failed, with what it said.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jiaozi.cli"), *arguments, "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )  # fmt: skip
    output, errors = await process.communicate()
    if process.returncode != 0 and not (may_refuse and process.returncode == _REFUSED):
        told = (output or errors).decode(errors="replace").strip()
        raise DemoFailed(detail=f"jiaozi {' '.join(arguments[:4])} failed: {told}")
    document: dict[str, Any] = json.loads(output)
    return document
