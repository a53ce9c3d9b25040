"""YAML that is read as what it looks like, or refused with its place."""

import pytest

from shared.program.plain_yaml import (
    DEPTH_MAX,
    DOCUMENT_CHARACTERS_MAX,
    NotPlain,
    Place,
    Value,
    read,
)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ("a: -1", {"a": -1}),
        ("a: 007", {"a": 7}),
        ("a: '1'", {"a": "1"}),
        ('a: "1.5"', {"a": "1.5"}),
        ("a: 3/2", {"a": "3/2"}),
        ("a: 50%", {"a": "50%"}),
        ("a: NO", {"a": "NO"}),
        ("a: on", {"a": "on"}),
        ("a: 0x10", {"a": "0x10"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2000-01-01", {"a": "2000-01-01"}),
        ("a: 2000-01-01T00:00:00-05:00", {"a": "2000-01-01T00:00:00-05:00"}),
        ("a: true\nb: False", {"a": True, "b": False}),
        ("a:\nb: null\nc: ~", {"a": None, "b": None, "c": None}),
        ("a: [1, x, [y]]", {"a": [1, "x", ["y"]]}),
        ("- a: {b: c}\n- d", [{"a": {"b": "c"}}, "d"]),
        ("1: a", {"1": "a"}),
        ("a: |\n  two\n  lines", {"a": "two\nlines"}),
        ("# a comment\na: b # another", {"a": "b"}),
    ],
)
def test_plain_yaml_is_read_as_it_looks(text: str, data: Value):
    assert read(text).data == data


def test_every_value_has_its_place():
    document = read("a: 1\nb:\n  - c\n  - d: e\n")
    assert document.places == {
        (): Place(1, 1),
        ("a",): Place(1, 1),
        ("b",): Place(2, 1),
        ("b", 0): Place(3, 5),
        ("b", 1): Place(4, 5),
        ("b", 1, "d"): Place(4, 5),
    }


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: 1\nbb: {c: 1.5}", Place(2, 9), "1.5 would be a binary fraction"),
        ("a: 1\nb: [c, d\ne: f", Place(3, 2), "not YAML: expected ',' or ']', but got ':'"),
        ("a: 1\n  b: c: d", Place(2, 4), "not YAML: mapping values are not allowed here"),
        ("a: \x00", Place(1, 1), "not YAML: special characters are not allowed"),
        ("", Place(1, 1), "the document is empty"),
        ("a" * (DOCUMENT_CHARACTERS_MAX + 1), Place(1, 1), "more than 524288 characters"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, place: Place, said: str):
    with pytest.raises(NotPlain) as refused:
        read(text)
    assert refused.value.place == place
    assert refused.value.message.startswith(said)


def test_what_is_as_long_and_as_deep_as_allowed_is_read():
    assert read("a: " + "9" * 18).data == {"a": 10**18 - 1}
    assert read("a" * DOCUMENT_CHARACTERS_MAX).data == "a" * DOCUMENT_CHARACTERS_MAX
    read("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        ("# nothing", 1, "empty"),
        ("a: 1\nb: 1.5", 2, '1.5 would be a binary fraction.*"3/2"'),
        *[
            (f"a: {text}", 1, "binary fraction")
            for text in (".5", "1.", "-1.5", "1e5", "1.5e-3", ".inf", "-.INF", ".nan")
        ],
        ("a: 1\na: 2", 2, "the field a is written twice"),
        ("a: &x 1\nb: *x", 1, "anchors"),
        ("a: *x", 1, "anchors"),
        ("a: !!int '1'", 1, "tags"),
        ("a: !!python/object:os.system 1", 1, "tags"),
        ("? [a]\n: b", 1, "a field's name is text"),
        ("a: 1\n---\nb: 2", 2, "one file holds one program"),
        ("a: [1", 1, "not YAML"),
        ("a: b: c", 1, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: \x00", 1, "not YAML"),
        ("a: " + "9" * 19, 1, "more than 18 digits"),
        ("[" * (DEPTH_MAX + 2), 1, "levels deep"),
        ("a" * (DOCUMENT_CHARACTERS_MAX + 1), 1, "characters"),
    ],
)
def test_anything_else_is_refused_with_its_line(text: str, line: int, said: str):
    with pytest.raises(NotPlain, match=said) as refused:
        read(text)
    assert refused.value.place.line == line
