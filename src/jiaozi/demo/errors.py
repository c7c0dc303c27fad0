"""How a demo fails: never with a wrong figure shown as a right one."""

from dataclasses import dataclass


@dataclass(kw_only=True, eq=False)
class DemoFailed(Exception):
    """Something did not happen as it must; `detail` says what."""

    detail: str

    def __str__(self) -> str:
        return self.detail
