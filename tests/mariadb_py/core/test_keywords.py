"""One keyword: types and texts. The options' own tables are tested in test_optiontable."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.core.keywords import (
    FLAG,
    INTEGER,
    KEY,
    NAMES,
    SECONDS,
    SECRET,
    SWITCH,
    TEXT,
    Option,
    SSLContext,
    Text,
    accept_all,
    by_name,
    read_flag,
    read_integer,
    read_seconds,
)
from mariadb_py.exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("1", "yes", "on", "true", "TRUE", "On")),
        *((text, False) for text in ("0", "no", "off", "false", "No")),
        *((text, None) for text in ("", " 1", "2", "t", "01")),
    ],
)
def test_read_flag(text: str, value: bool | None) -> None:
    assert read_flag(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7),
        ("-3", -3),
        ("1k", 1024),
        ("2M", 2 << 20),
        ("3G", 3 << 30),
        ("-1K", -1024),
        *((text, None) for text in ("", "-", "+1", " 1", "1 ", "1kk", "k", "1.0", "1_0", "²", "9" * 21)),
    ],
)
def test_read_integer(text: str, value: int | None) -> None:
    assert read_integer(text) == value


@given(st.integers(-(10**20) + 1, 10**20 - 1))
def test_integers_read_what_is_printed(value: int) -> None:
    assert read_integer(str(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("2.5", 2.5), (".5", 0.5), ("5.", 5.0), *((text, None) for text in ("", ".", "1.2.3", "1e3", "nan"))],
)
def test_read_seconds(text: str, value: float | None) -> None:
    assert read_seconds(text) == value


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    assert isinstance(read_flag(text), (bool, type(None)))
    assert isinstance(read_integer(text), (int, type(None)))
    assert isinstance(read_seconds(text), (int, float, type(None)))


@pytest.mark.parametrize("types", [FLAG, SWITCH, INTEGER, SECONDS])
def test_a_text_that_cannot_be_read_names_option_text_and_origin(types: tuple[Any, ...]) -> None:
    with pytest.raises(
        ProgrammingError, match=r"^o wants (yes or no|a whole number|a number), not 'x' \(from F, line 3\)$"
    ):
        Option("o", types).read(Text("x", "F, line 3"), "F, line 3")


def test_a_secret_is_not_shown() -> None:
    option = Option("o", SECRET, secret=True, check=lambda value: "is too short")
    for attempt in (lambda: option.accept("hush"), lambda: option.read("hush", "F")):
        with pytest.raises(ProgrammingError, match=r"^o is too short( \(from F\))?$"):
            attempt()


def test_a_value_out_of_range_says_so() -> None:
    with pytest.raises(ProgrammingError, match=r"^o is too short, not 'x'$"):
        Option("o", TEXT, check=lambda value: "is too short").accept("x")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (Option("o", TEXT), 1, "o wants str, not int"),
        (Option("o", SECONDS), True, "o wants int or float, not bool"),
        (Option("o", SECRET), 1, "o wants str or bytes or Callable, not int"),
        (Option("o", SWITCH), "yes", "o wants bool or int or dict or SSLContext, not str"),
        (Option("o", NAMES, items=(str,)), [b"a"], "o wants str or list or tuple of str, not list"),
        (Option("o", (dict,), items=(str, int)), {"a": "b"}, "o wants dict of str to int, not dict"),
        (Option("o", (list,), items=(str,)), [1], "o wants list of str, not list"),
    ],
)
def test_the_wrong_type(option: Option, value: object, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        option.accept(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("types", [TEXT, SECRET, NAMES, KEY])
def test_a_text_that_is_taken_as_it_is(types: tuple[Any, ...]) -> None:
    assert Option("o", types).read("yes", "F") == "yes"


def test_a_context_is_known_without_loading_ssl() -> None:
    assert isinstance(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), SSLContext)
    assert not any(isinstance(value, SSLContext) for value in ("x", True, {}, None, ssl, ssl.SSLContext))
    assert [Option("o", SWITCH).accept(value) for value in (True, 0, {"ca": "x"})] == [True, 0, {"ca": "x"}]


def test_a_text_with_an_origin_is_a_text() -> None:
    text = Text("a", "F")
    assert (text, text.origin) == ("a", "F")


def test_values_by_the_names_of_their_options() -> None:
    known = by_name([Option("a", TEXT, aliases=("b", "c")), Option("d", INTEGER)])
    assert accept_all(known, {"b": "x", "a": None, "c": "x", "d": None}) == {"a": "x"}
    with pytest.raises(TypeError, match=r"^b and c are the same option and have different values$"):
        accept_all(known, {"b": "x", "c": "y"})
