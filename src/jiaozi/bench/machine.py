"""What a benchmark says of the machine, and what each process used of it."""

import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from jiaozi.bench.network import signer
from jiaozi.protocol.suites import verify_ed25519

_ROUNDS = 5
_CHECKS = 4_000
_MESSAGE = bytes(range(180))


def ed25519_checks_per_s() -> float:
    """Measure signature checks of one thread, as the registry makes them: the median round."""
    key = signer("rate")
    signature = key.sign(_MESSAGE)
    rates = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(_CHECKS):
            verify_ed25519(key.public_key, _MESSAGE, signature)
        rates.append(_CHECKS / (time.perf_counter() - started))
    return sorted(rates)[_ROUNDS // 2]


def machine() -> dict[str, object]:
    """Name processor, cores, memory, kernel and Python."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """Sum the CPU seconds that processes have used, their ended children's too."""
    total = 0.0
    for each in processes:
        times = each.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total
