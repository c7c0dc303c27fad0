"""The tour of the README runs as it stands there."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jiaozi.local.ports import free_ports
from tests.docs.warm import warm_jiaozi

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"(<!-- test: background -->\n)?```bash\n(.*?)```", re.DOTALL)
_PORTS = (10240, 10241, 10242, 10243)


def blocks(text: str, ports: range) -> Iterator[tuple[bool, str]]:
    """Yield each block, and whether it runs in a terminal of its own; other ports stand in."""
    for background, script in _BLOCK.findall(text):
        for documented, port in zip(_PORTS, ports, strict=True):
            script = script.replace(f":{documented}", f":{port}")
        yield bool(background), script


@contextmanager
def background(script: str, place: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a block until the end of the context; it is ready when it says that it serves."""
    with subprocess.Popen(
        ["bash", "-c", f"exec {script}"],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert any("Serving" in line for line in process.stdout)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(40) == 0


@pytest.mark.slow
def test_the_tour_runs(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    programs = tmp_path / ".venv" / "bin"
    programs.symlink_to(Path(sys.executable).parent)
    ports = free_ports(len(_PORTS))
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "JIAOZI_PORT_BASE": str(ports[0]),
        "JIAOZI_REGISTRY_URL": f"http://127.0.0.1:{ports[0]}",
        "TERM": "dumb",
    }
    parts = list(blocks((ROOT / "README.md").read_text(), ports))
    assert len(parts) >= 7
    with ExitStack() as stack:
        for is_background, script in parts:
            if is_background:
                stack.enter_context(background(script, tmp_path, environment))
        programs.unlink()
        programs.symlink_to(stack.enter_context(warm_jiaozi(tmp_path / "warm", environment)))
        tour = "set -euo pipefail\n" + "\n".join(script for alone, script in parts if not alone)
        done = subprocess.run(
            ["bash", "-c", tour],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12.50" in done.stdout
    assert "Nothing differs." in done.stdout
