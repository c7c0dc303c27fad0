"""Messages of purses that people give to commands: what is none is refused by its name."""

from pathlib import Path

import pytest

from jiaozi.cli.offline_messages import read_message
from jiaozi.wallet.errors import FramesUnfit
from jiaozi.wallet.offline.frames import MessageKind


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds nothing"),
        (b" \n", "holds nothing"),
        (b"\x8b\xff", "neither a picture nor a text of codes"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_message_is_refused_by_its_name(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "payment.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FramesUnfit) as refused:
        read_message([str(file)], MessageKind.PAYMENT)
    assert refused.value.detail.startswith(str(file))
    assert told in refused.value.detail
