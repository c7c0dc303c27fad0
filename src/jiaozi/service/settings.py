"""Settings of a service: typed, each with a unit in its name, bounds and a sentence.

A value comes from the first of these that has it: an option of the command, the environment
(``JIAOZI_`` and the name in capitals), the file of ``--config`` (TOML, the names as keys), the
default. What does not fit is refused with its name and its place, and nothing is started.

A service lists its settings as a frozen dataclass whose fields are made by `setting`.
"""

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    Settings = TypeVar("Settings")

__all__ = [
    "Described",
    "LogLevel",
    "SettingInvalid",
    "described",
    "kind_of",
    "read_settings",
    "setting",
]

PREFIX = "JIAOZI_"
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_KEY = "jiaozi"


class LogLevel(StrEnum):
    """How severe a line of the log must be to be written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(kw_only=True, eq=False)
class SettingInvalid(Exception):
    """A setting is missing, unknown or out of bounds.

    Attributes:
        name: Of the setting.
        place: Where its value stands.
        reason: What is wrong with it.
    """

    name: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.place}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Described:
    """One setting as the reference lists it."""

    name: str
    help: str
    kind: type
    default: object
    is_required: bool
    is_optional: bool
    at_least: float | None
    at_most: float | None

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()


def setting(
    help: str,  # noqa: A002 - what it is called everywhere
    *,
    default: object = dataclasses.MISSING,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Any:  # noqa: ANN401 - stands for a field of any type
    """Make a field of a settings class; without a default it must be given."""
    metadata = {_KEY: (help, at_least, at_most)}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def described(kind: type["DataclassInstance"]) -> list[Described]:
    """List the settings of a service in the order of their fields, those of its base last."""
    annotations = typing.get_type_hints(kind)
    own = kind.__annotations__
    found = []
    for each in sorted(dataclasses.fields(kind), key=lambda field: field.name not in own):
        help_text, at_least, at_most = each.metadata[_KEY]
        plain, is_optional = _plain(annotations[each.name])
        is_required = each.default is dataclasses.MISSING
        found.append(
            Described(
                each.name, help_text, plain, each.default, is_required, is_optional,
                at_least, at_most,
            )
        )  # fmt: skip
    return found


def read_settings(
    kind: type[Settings],
    *,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    file: Path | None = None,
) -> Settings:
    """Put the settings of a service together.

    Args:
        kind: The settings class.
        given: By options of the command; None counts as not given.
        environment: Of the process.
        file: TOML.

    Raises:
        SettingInvalid: The first that does not fit.
    """
    in_file = {} if file is None else _read_file(file)
    settings = {each.name: each for each in described(kind)}
    unknown = sorted(in_file.keys() - settings.keys())
    if unknown:
        near = difflib.get_close_matches(unknown[0], settings, n=1)
        reason = "there is no such setting" + "".join(f"; {each} is one" for each in near)
        raise SettingInvalid(name=unknown[0], place=str(file), reason=reason)
    values: dict[str, object] = {}
    for name, each in settings.items():
        if given.get(name) is not None:
            values[name] = _checked(each, given[name], "the command line")
        elif each.variable in environment:
            value = _parsed(each, environment[each.variable])
            values[name] = _checked(each, value, each.variable)
        elif name in in_file:
            values[name] = _checked(each, in_file[name], str(file))
        elif each.is_required:
            place = f"option, {each.variable} or --config"
            raise SettingInvalid(name=name, place=place, reason="it must be given")
    return kind(**values)


def _plain(annotation: Any) -> tuple[type, bool]:  # noqa: ANN401 - a type
    """Take the type out of ``type | None``, and the container out of ``frozenset[str]``."""
    if isinstance(annotation, types.UnionType):
        members = [each for each in annotation.__args__ if each is not type(None)]
        return _plain(members[0])[0], True
    return typing.get_origin(annotation) or annotation, False


def _read_file(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except UnicodeDecodeError:
        raise SettingInvalid(name="config", place=str(file), reason="it is no UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingInvalid(name="config", place=str(file), reason=reason) from None


def _parsed(each: Described, text: str) -> object:
    """Read the text of an environment variable; what is no value of the type stays text."""
    try:
        if each.kind is bool:
            return _TRUTH.get(text.lower(), text)
        if each.kind in (int, float):
            return each.kind(text)
        if each.kind is frozenset:
            return [part.strip() for part in text.split(",") if part.strip()]
    except ValueError:
        return text
    return text


def _checked(each: Described, value: object, place: str) -> object:
    """Return a value in the setting's type and bounds.

    Raises:
        SettingInvalid: It has another type, or is out of bounds.
    """
    fitted = _fitted(each.kind, value)
    if fitted is None:
        raise SettingInvalid(name=each.name, place=place, reason=f"it is not {kind_of(each)}")
    if isinstance(fitted, int | float) and not isinstance(fitted, bool):
        if each.at_least is not None and fitted < each.at_least:
            reason = f"it is below {each.at_least:g}"
            raise SettingInvalid(name=each.name, place=place, reason=reason)
        if each.at_most is not None and fitted > each.at_most:
            reason = f"it is above {each.at_most:g}"
            raise SettingInvalid(name=each.name, place=place, reason=reason)
    return fitted


def kind_of(each: Described) -> str:
    """Say what the values of a setting are."""
    if issubclass(each.kind, StrEnum):
        return f"one of {', '.join(each.kind)}"
    return _A_KIND[each.kind]


_A_KIND: Mapping[type, str] = {
    str: "a text",
    Path: "a path",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    frozenset: "a list of texts",
}


def _fitted(kind: type, value: object) -> object | None:
    match value:
        case bool():
            return value if kind is bool else None
        case int():
            return kind(value) if kind in (int, float) else None
        case float():
            return value if kind is float and math.isfinite(value) else None
        case str() if issubclass(kind, StrEnum):
            return kind(value) if value in list(kind) else None
        case str():
            return kind(value) if kind in (str, Path) and value else None
        case Path():
            return value if kind is Path else None
        case list() | frozenset():
            are_texts = all(isinstance(each, str) for each in value)
            return frozenset(value) if kind is frozenset and are_texts else None
        case _:
            return None
