"""Settings come from options, environment, file and defaults, and fit or are named."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from jiaozi.service.settings import LogLevel, SettingInvalid, described, read_settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    dsn: str = setting("A database.")
    queue_orders_max: int = setting("Orders.", default=10, at_least=1, at_most=100)
    timeout_s: float = setting("Seconds.", default=1.5, at_least=0.1)
    demo: bool = setting("Demo.", default=False)
    place: Path | None = setting("A place.", default=None)  # noqa: RUF009
    level: LogLevel = setting("A level.", default=LogLevel.INFO)  # noqa: RUF009
    proxies: frozenset[str] = setting("Addresses.", default=frozenset())


GIVEN: dict[str, object] = {"dsn": "postgresql://"}


def read(
    tmp_path: Path,
    *,
    given: dict[str, object] | None = None,
    environment: dict[str, str] | None = None,
    file: str | None = None,
) -> Sample:
    path = tmp_path / "settings.toml"
    path.write_text(file or "")
    return read_settings(
        Sample, given=GIVEN if given is None else given, environment=environment or {}, file=path
    )


def test_option_comes_before_environment_before_file_before_default(tmp_path: Path) -> None:
    file, environment = "queue_orders_max = 3", {"JIAOZI_QUEUE_ORDERS_MAX": "4"}
    assert read(tmp_path).queue_orders_max == 10
    assert read(tmp_path, file=file).queue_orders_max == 3
    assert read(tmp_path, file=file, environment=environment).queue_orders_max == 4
    given = {**GIVEN, "queue_orders_max": 5}
    found = read(tmp_path, file=file, environment=environment, given=given)
    assert found.queue_orders_max == 5


def test_every_type_is_read_from_file_and_environment(tmp_path: Path) -> None:
    file = """
        queue_orders_max = 7
        timeout_s = 2
        demo = true
        place = "/tmp"
        level = "ERROR"
        proxies = ["10.0.0.1", "10.0.0.2"]
    """
    environment = {
        "JIAOZI_QUEUE_ORDERS_MAX": "7",
        "JIAOZI_TIMEOUT_S": "2.0",
        "JIAOZI_DEMO": "true",
        "JIAOZI_PLACE": "/tmp",
        "JIAOZI_LEVEL": "ERROR",
        "JIAOZI_PROXIES": "10.0.0.1, 10.0.0.2",
    }
    expected = Sample(
        dsn="postgresql://",
        queue_orders_max=7,
        timeout_s=2.0,
        demo=True,
        place=Path("/tmp"),
        level=LogLevel.ERROR,
        proxies=frozenset(("10.0.0.1", "10.0.0.2")),
    )
    assert read(tmp_path, file=file) == read(tmp_path, environment=environment) == expected


@pytest.mark.parametrize(
    ("line", "name", "reason"),
    [
        ("queue_order_max = 1", "queue_order_max", "no such setting"),
        ("queue_orders_max = 0", "queue_orders_max", "below 1"),
        ("queue_orders_max = 101", "queue_orders_max", "above 100"),
        ("queue_orders_max = true", "queue_orders_max", "not a whole number"),
        ("queue_orders_max = 1.5", "queue_orders_max", "not a whole number"),
        ('queue_orders_max = "9"', "queue_orders_max", "not a whole number"),
        ("timeout_s = nan", "timeout_s", "not a number"),
        ("timeout_s = [1]", "timeout_s", "not a number"),
        ("demo = 1", "demo", "not true or false"),
        ("place = 5", "place", "not a path"),
        ('level = "LOUD"', "level", "not one of DEBUG, INFO, WARNING, ERROR"),
        ("proxies = [1]", "proxies", "not a list of texts"),
        ("demo", "config", "Expected"),
    ],
)
def test_what_does_not_fit_in_a_file_is_named(
    line: str, name: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingInvalid, match=reason) as raised:
        read(tmp_path, file=line)
    assert raised.value.name == name
    assert raised.value.place.endswith("settings.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUEUE_ORDERS_MAX", "many"), ("TIMEOUT_S", "inf"), ("DEMO", "perhaps"), ("LEVEL", "")],
)
def test_what_does_not_fit_in_the_environment_is_named(
    name: str, value: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingInvalid) as raised:
        read(tmp_path, environment={f"JIAOZI_{name}": value})
    assert (raised.value.name, raised.value.place) == (name.lower(), f"JIAOZI_{name}")


def test_what_must_be_given_says_how(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"dsn \(option, JIAOZI_DSN or --config\): it must be"):
        read(tmp_path, given={})


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="No such file"):
        read_settings(Sample, given=GIVEN, environment={}, file=tmp_path / "none.toml")


def test_limits_are_described_with_their_bounds() -> None:
    [found] = [each for each in described(Sample) if each.name == "queue_orders_max"]
    assert (found.variable, found.at_least, found.at_most) == ("JIAOZI_QUEUE_ORDERS_MAX", 1, 100)
