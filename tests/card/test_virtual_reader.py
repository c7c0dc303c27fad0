"""The card in a slot, told by a driver that is a socket here."""

import socket
import statistics
import time
from collections.abc import Iterator

import pytest

from jiaozi.card.virtual_reader import ATR
from tests.card.conftest import start_echo_card

POWER_OFF, POWER_ON, RESET, ASK_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
SELECT = bytes.fromhex("00A4040000")
ECHO = bytes.fromhex("8002000002CAFE00")
NOT_SELECTED = bytes.fromhex("6985")


class Driver:
    """One slot of the driver in pcscd."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(20)
        self.port = self._listening.getsockname()[1]

    def await_card(self) -> None:
        self.slot, _ = self._listening.accept()
        self.slot.settimeout(20)

    def tell(self, frame: bytes) -> None:
        """Send length and body apart, as pcscd's driver does."""
        self.slot.sendall(len(frame).to_bytes(2, "big"))
        self.slot.sendall(frame)

    def ask(self, frame: bytes) -> bytes:
        self.tell(frame)
        return self.receive()

    def receive(self) -> bytes:
        length = int.from_bytes(self.slot.recv(2, socket.MSG_WAITALL), "big")
        return self.slot.recv(length, socket.MSG_WAITALL)

    def close(self) -> None:
        self._listening.close()
        self.slot.close()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = Driver()
    card = start_echo_card(driver.port)
    try:
        driver.await_card()
        yield driver
    finally:
        card.kill()
        card.wait()
        driver.close()


def test_the_answer_to_reset_is_well_formed() -> None:
    checked = 0
    for byte in ATR[1:]:
        checked ^= byte
    assert checked == 0
    assert ATR[0] == 0x3B
    assert ATR[1] & 0x0F == len(ATR) - 4, "T0 tells how many historical bytes there are"


def test_the_card_tells_its_atr_and_answers_commands(driver: Driver) -> None:
    assert driver.ask(ASK_ATR) == ATR
    assert driver.ask(SELECT) == b"echo\x90\x00"
    assert driver.ask(ECHO) == bytes.fromhex("CAFE9000")


@pytest.mark.parametrize("control", [POWER_OFF, POWER_ON, RESET])
def test_power_and_reset_end_what_was_selected_and_are_not_answered(
    driver: Driver, control: bytes
) -> None:
    driver.ask(SELECT)
    driver.tell(control)
    assert driver.ask(ECHO) == NOT_SELECTED


@pytest.mark.parametrize("frame", [b"", b"\x03", b"\xff", bytes(65_535)])
def test_a_frame_that_is_no_command_has_a_wrong_length(driver: Driver, frame: bytes) -> None:
    assert driver.ask(frame) == bytes.fromhex("6700")


def test_frames_may_come_in_pieces(driver: Driver) -> None:
    for piece in (b"\x00", b"\x05\x00", b"\xa4\x04\x00"):
        driver.slot.sendall(piece)
        time.sleep(0.02)
    driver.slot.sendall(b"\x00")
    assert driver.receive() == b"echo\x90\x00"


def test_an_exchange_does_not_wait_for_a_late_acknowledgement(driver: Driver) -> None:
    driver.ask(SELECT)
    times_s = []
    for _ in range(60):
        before = time.monotonic()
        driver.ask(ECHO)
        times_s.append(time.monotonic() - before)
    assert statistics.median(times_s) < 0.03, "a late one takes 40 ms"


def test_the_card_comes_back_when_the_reader_does_and_has_forgotten(driver: Driver) -> None:
    driver.ask(SELECT)
    half_a_command = b"\x00\x08\x80\x02"
    driver.slot.sendall(half_a_command)
    driver.slot.close()
    driver.await_card()
    assert driver.ask(ECHO) == NOT_SELECTED
