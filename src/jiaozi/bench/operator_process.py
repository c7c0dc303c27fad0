"""An operator as a process of its own, with the keys of a benchmark's network.

Run as a program with a code, a DSN and the registry's address; prints its address once it takes
requests. What runs is the operator's service itself, its feed and histories included.
"""

import sys

from jiaozi.bench.network import signer
from jiaozi.operator.http.serve import serve_operator
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.rates import OperatorRates
from jiaozi.operator.settings import OperatorSettings
from jiaozi.service.logs import configure_logs
from jiaozi.service.rates import Rate
from jiaozi.service.server import run_party

_ALL_FROM_ONE_ADDRESS = Rate(per_s=1e6, burst=1_000_000)


def main(code: int, dsn: str, registry_url: str) -> None:
    """Serve until a signal."""
    configure_logs(f"operator-{code:04d}", level="WARNING")
    settings = OperatorSettings(
        code=code,
        dsn=dsn,
        registry_url=registry_url,
        keys=OperatorKeys(
            certify=signer(f"certify/{code}"),
            vault=signer(f"vault/{code}"),
            transport=signer(f"transport/{code}"),
            wrapping=lambda _: bytes(32),
            lookup=bytes(32),
            pepper=bytes(32),
        ),
        demo=True,
        rates=OperatorRates(address=_ALL_FROM_ONE_ADDRESS),
    )
    run_party(
        lambda: serve_operator(settings),
        host="127.0.0.1",
        port=0,
        on_ready=lambda url: print(url, flush=True),  # noqa: T201 - for the parent process
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
