"""YAML as programs are written in: plain data, with the place of every value.

A small, strict part of YAML: lists, mappings with text keys, text, whole numbers, true, false and
null. Guarantees: nothing is read as something else than it looks like (`NO` and `2000-01-01` are
text, `1.5` is an error and no binary fraction), nothing is silently lost (a key written twice is an
error). Anchors, tags and several documents are not supported.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

DOCUMENT_CHARACTERS_MAX = 512 * 1024
DEPTH_MAX = 12
DIGITS_MAX = 18
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BINARY = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=e))(e[-+]?[0-9]+)?|[-+]?\.inf|\.nan", re.IGNORECASE
)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}

Path = tuple[str | int, ...]
Value = None | bool | int | str | list["Value"] | dict[str, "Value"]


class Place(NamedTuple):
    """Where something stands; both count from 1."""

    line: int
    column: int


class NotPlain(ValueError):
    """Text that is not YAML of this kind; the message says what is wrong, `place` where."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class Document(NamedTuple):
    """The data, and the place of each value by its path (a mapping's entry: that of its key)."""

    data: Value
    places: dict[Path, Place]


def read(text: str) -> Document:
    """The one document in `text`; raises NotPlain."""
    if len(text) > DOCUMENT_CHARACTERS_MAX:
        raise NotPlain(f"more than {DOCUMENT_CHARACTERS_MAX} characters", Place(1, 1))
    try:
        return _Reader(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        assert mark is not None, "what takes YAML apart says where it stopped"
        place = Place(mark.line + 1, mark.column + 1)
        raise NotPlain(f"not YAML: {error.problem}", place) from None
    except yaml.reader.ReaderError as error:
        raise NotPlain(f"not YAML: {error.reason}", Place(1, 1)) from None


class _Reader:
    """Builds the data from YAML's events."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._places: dict[Path, Place] = {}

    def document(self) -> Document:
        started = next((e for e in self._events if isinstance(e, DocumentStartEvent)), None)
        if started is None:
            raise NotPlain("the document is empty", Place(1, 1))
        data = self._value(next(self._events), ())
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                raise NotPlain("one file holds one program", _place(event))
        return Document(data, self._places)

    def _value(self, event: Event, path: Path) -> Value:
        place = _place(event)
        self._places.setdefault(path, place)
        if len(path) > DEPTH_MAX:
            raise NotPlain(f"more than {DEPTH_MAX} levels deep", place)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise NotPlain("anchors (&) and aliases (*) are not supported", place)
        if getattr(event, "tag", None):
            raise NotPlain("tags (!) are not supported", place)
        if isinstance(event, ScalarEvent):
            text: str = event.value
            return text if event.style else _scalar(text, place)
        return self._mapping(path) if isinstance(event, MappingStartEvent) else self._sequence(path)

    def _mapping(self, path: Path) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        for key in self._events:
            if isinstance(key, MappingEndEvent):
                break
            place = _place(key)
            if not isinstance(key, ScalarEvent):
                raise NotPlain("a field's name is text", place)
            if key.value in mapping:
                raise NotPlain(f"the field {key.value} is written twice", place)
            self._places[*path, key.value] = place
            mapping[key.value] = self._value(next(self._events), (*path, key.value))
        return mapping

    def _sequence(self, path: Path) -> list[Value]:
        values: list[Value] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            values.append(self._value(event, (*path, len(values))))
        return values


def _scalar(text: str, place: Place) -> Value:
    """What text without quotes means."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        if len(text) > DIGITS_MAX:
            raise NotPlain(f"{text}: more than {DIGITS_MAX} digits", place)
        return int(text)
    if _BINARY.fullmatch(text):
        raise NotPlain(
            f"{text} would be a binary fraction, which is not exact: write a whole number, or text "
            f'in quotes such as "3/2" or "1.5"',
            place,
        )
    return text


def _place(event: Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1)
