"""Be a card: ``python -m jiaozi.card DIRECTORY --port PORT``."""

import argparse
import functools
from pathlib import Path

from jiaozi.card.emulator import CardUnusable, emulate
from jiaozi.card.virtual_reader import PORT

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m jiaozi.card", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the card keeps its state")
    parser.add_argument("--host", default="127.0.0.1", help="where pcscd runs")
    parser.add_argument("--port", type=int, default=PORT, help="of the virtual reader's slot")
    given = parser.parse_args()
    tell = functools.partial(print, flush=True)
    try:
        emulate(given.directory, host=given.host, port=given.port, tell=tell)
    except CardUnusable as error:
        parser.error(str(error))
