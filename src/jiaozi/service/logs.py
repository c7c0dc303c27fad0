"""Structured logs: one JSON object per line on stderr, or a readable form for a terminal.

Everything that logs by the standard library goes the same way. What may be logged is decided by
the parties; personal data never (`jiaozi.operator` is the only one that has any).
"""

import logging
import sys

import structlog
from structlog.typing import Processor

__all__ = ["configure_logs"]


def configure_logs(party: str, *, console: bool = False, level: str = "INFO") -> None:
    """Set up logging for this process.

    Args:
        party: Stands in every line, such as `central-bank` or `operator-1001`.
        console: Lines for people to read instead of JSON.
        level: The least severe level that is written.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Party(party),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(console=console),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _Party:
    def __init__(self, party: str) -> None:
        self._party = party

    def __call__(
        self, logger: object, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["party"] = self._party
        return event


def _rendering(*, console: bool) -> list[Processor]:
    """Render without the values of local variables: keys and personal data are among them."""
    if console:
        return [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(without_locals),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
