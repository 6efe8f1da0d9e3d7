from __future__ import annotations

from collections import defaultdict, namedtuple
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mariadb_protocol.errors import ParameterError, UnsupportedValueError, ValueRangeError
from mariadb_protocol.params import literal
from mariadb_protocol.sql import Statement, Style, parse

VERSION = 101114
# Every sql_mode that matters to the lexer, as (no_backslash_escapes, ansi_quotes).
MODES = [(False, False), (False, True), (True, False), (True, True)]


def scan(statement: bytes, no_backslash_escapes: bool = False, ansi_quotes: bool = False) -> Statement:
    return parse(statement, no_backslash_escapes=no_backslash_escapes, ansi_quotes=ansi_quotes, version=VERSION)


def count(statement: Statement) -> int:
    return len(statement.parts) - 1


# Where a placeholder is one


@pytest.mark.parametrize(("no_backslash_escapes", "ansi_quotes"), MODES)
@pytest.mark.parametrize(
    ("text", "placeholders"),
    [
        (b"", 0),
        (b"?", 1),
        (b"??", 2),
        (b"select ?, ? from t", 2),
        # quotes, and the other quotes in them
        (b"'?'", 0),
        (b'"?"', 0),
        (b"`?`", 0),
        (b"'a\"b', ?", 1),
        (b'"a\'b", ?', 1),
        (b"`a'b\"c`, ?", 1),
        (b"'a`b', ?", 1),
        (b"'it''s ?', ?", 1),
        (b'"say ""?""", ?', 1),
        (b"`a``?`, ?", 1),
        (b"'', ?", 1),
        (b"''''?", 1),
        (b"`a\\`, ?", 1),
        (b"'a' '?' ?", 1),
        (b"N'?', _utf8'?', x'3f', ?", 1),
        (b"@'?', @`?`, @a, ?", 1),
        (b"'\xc3', ?", 1),  # half a character does not take the quote with it
        (b"'-- ', ?", 1),
        (b"'/*', ?", 1),
        (b"'#', ?", 1),
        (b"'a\0?', ?", 1),
        (b"'a\n?', ?", 1),
        (b"'?", 0),
        (b"`?", 0),
        # comments, and what looks like one
        (b"/* ' */ ?", 1),
        (b'/* " */ ?', 1),
        (b"/* ` */ ?", 1),
        (b"/* ? */ 1", 0),
        (b"/* -- */ ?", 1),
        (b"/* # */ ?", 1),
        (b"/* \\*/ ?", 1),
        (b"/**/ ?", 1),
        (b"/*/ ? */ ?", 1),
        (b"/* /* ? */ ?", 1),
        (b"/* \0 ? */ ?", 1),
        (b"/* ?", 0),
        (b"5 / ?", 1),
        (b"5 /? * 2", 1),
        (b"2 * ? */ ?", 2),
        (b"2 */* ? */ ?", 1),
        (b"# ? ' \n ?", 1),
        (b"# ?", 0),
        (b"# ?\0 ?", 1),  # NUL ends a comment of one line
        (b"# ?\r ? \n ?", 1),  # a carriage return does not
        (b"-- ? ' \n ?", 1),
        (b"--\t? \n ?", 1),
        (b"--\n ?", 1),
        (b"--\x01? \n ?", 1),
        (b"--\x7f? \n ?", 1),
        (b"?--", 1),
        (b"5--1, ?", 1),
        (b"5--?", 1),
        (b"5-- ?", 0),
        (b"--? \n ?", 2),
        (b"--\xc2\xa0? \n ?", 2),  # white space of Unicode is none of the lexer's
        (b"--- ? \n ?", 1),
        (b"5 - ?", 1),
        # a backslash outside of quotes
        (b"\\N, ?", 1),
        (b"\\?", 0),
        (b"\\%s", 0),
        (b"?\\", 1),
        # as for the server, a word directly behind makes it none
        (b"?a", 0),
        (b"?1", 0),
        (b"?_", 0),
        (b"?$", 0),
        (b"?\xc3\xa9", 0),
        (b"a?", 1),
        (b"?.5", 1),
        (b"?'b'", 1),
        (b"x?", 1),
        # other styles
        (b"%s", 1),
        (b"%d", 1),
        (b"%s,%d", 2),
        (b"%(a)s", 1),
        (b"%(a)s, %(a)s", 2),
        (b"%()s", 1),
        (b"%(a b)s", 1),
        (b"%%s", 0),
        (b"%%%s", 1),
        (b"%%(a)s", 0),
        (b"%i %S %D", 0),
        (b"%some", 0),
        (b"%days", 0),
        (b"%(a)d", 0),
        (b"%(a)some", 0),
        (b"%(a s", 0),
        (b"%(a)", 0),
        (b"5 %(1 + %(a)s)", 1),
        (b"5 % 3", 0),
        (b"5 %", 0),
        (b"5 % ?", 1),
        (b"5 %?", 1),
        (b"like '%s'", 0),
        (b"like '%(a)s'", 0),
        (b"like '%' /* %s */ -- %s", 0),
    ],
)
def test_placeholders(text: bytes, placeholders: int, no_backslash_escapes: bool, ansi_quotes: bool) -> None:
    assert count(scan(text, no_backslash_escapes, ansi_quotes)) == placeholders


@pytest.mark.parametrize(
    ("text", "placeholders"),  # one number for each of MODES
    [
        (b"select '\\', ?", (0, 0, 1, 1)),
        (b"'it\\'s ?', ?", (1, 1, 1, 1)),
        (b"'\\' ?", (0, 0, 1, 1)),
        (b"'\\' ? '", (0, 0, 1, 1)),
        (b"'\\\\' ?", (1, 1, 1, 1)),
        (b"'\\\\\\' ?", (0, 0, 1, 1)),
        (b"'\\\\\\'' ?", (1, 1, 0, 0)),
        (b"'a\\", (0, 0, 0, 0)),
        (b"'\\\xc3\xa9' ?", (1, 1, 1, 1)),
        (b'"\\" ?', (0, 1, 1, 1)),
        (b'"\\" ? "', (0, 1, 1, 1)),
        (b'"a\\"?" , ?', (1, 1, 1, 1)),
        (b'"\\\\" ?', (1, 1, 1, 1)),
        (b"`\\` ?", (1, 1, 1, 1)),
        (b"\\' ?", (1, 1, 1, 1)),
    ],
)
def test_backslashes_follow_the_sql_mode(text: bytes, placeholders: tuple[int, ...]) -> None:
    assert tuple(count(scan(text, *mode)) for mode in MODES) == placeholders


MARIADB, MYSQL = (VERSION, True), (80036, False)


@pytest.mark.parametrize(
    ("text", "server", "placeholders"),
    [
        (b"/*! ? */ ?", MARIADB, 2),
        (b"/*!?*/ ?", MARIADB, 2),
        (b"/*!50101 ? */ ?", MARIADB, 2),
        (b"/*!50101?*/ ?", MARIADB, 2),
        (b"/*!101114 ? */ ?", MARIADB, 2),
        (b"/*!101115 ? */ ?", MARIADB, 1),
        (b"/*!999999 ? */ ?", MARIADB, 1),
        (b"/*!50699 ? */ ?", MARIADB, 2),
        (b"/*!50700 ? */ ?", MARIADB, 1),
        (b"/*!99999 ? */ ?", MARIADB, 1),
        (b"/*!100000 ? */ ?", MARIADB, 2),
        (b"/*M! ? */ ?", MARIADB, 2),
        (b"/*M!100100 ? */ ?", MARIADB, 2),
        (b"/*M!50700 ? */ ?", MARIADB, 2),
        (b"/*M!99999 ? */ ?", MARIADB, 2),
        (b"/*M!101115 ? */ ?", MARIADB, 1),
        (b"/*m! ? */ ?", MARIADB, 1),
        (b"/*M ? */ ?", MARIADB, 1),
        (b"/* ! ? */ ?", MARIADB, 1),
        (b"/*+ ? */ ?", MARIADB, 1),
        # The version has five or six digits: fewer are SQL, a seventh is too.
        (b"/*!5010 ? */ ?", MARIADB, 2),
        (b"/*!1000100 ? */ ?", MARIADB, 2),
        (b"/*!1011150 ? */ ?", MARIADB, 1),
        (b"/*! 999999 ? */ ?", MARIADB, 2),
        (b"/*!50101", MARIADB, 0),
        (b"/*!5", MARIADB, 0),
        # The end of an executed comment, and what hides it.
        (b"/*! '*/ ?' */ ?", MARIADB, 1),
        (b"/*! '*/' ? */ ?", MARIADB, 2),
        (b"/*! # */ ?\n */ ?", MARIADB, 1),
        (b"/*! -- */ ?\n ? */ ?", MARIADB, 2),
        (b"/*! /* ? */ ? */ ?", MARIADB, 2),
        (b"/*! 2 * ? */ ?", MARIADB, 2),
        (b"/*! 2 */* ? */ ?", MARIADB, 2),
        (b"/*! 1 */ 2 */* ? */ ?", MARIADB, 1),
        (b"/*! ? /*! ? */ ? */ ?", MARIADB, 4),
        (b"/*!50101 1 + /*!999999 ? */ ? */ ?", MARIADB, 2),
        # Comments nested in one that is skipped: one level.
        (b"/*!999999 ? /* ? */ ? */ ?", MARIADB, 1),
        (b"/*!999999 /* ? */ /* ? */ ? */ ?", MARIADB, 1),
        (b"/*!999999 /* /* ? */ ? */ ?", MARIADB, 1),
        (b"/*!999999 /* /* ? */ */ ? */ ?", MARIADB, 2),
        (b"/*!999999 /*! ? */ ? */ ?", MARIADB, 1),
        (b"/*!999999 /*/ ? */ ? */ ?", MARIADB, 1),
        (b"/*!999999 '*/' ?", MARIADB, 0),
        (b"/*!999999 /* ? */ ?", MARIADB, 0),
        (b"/*!999999 /* ?", MARIADB, 0),
        (b"/*!999999 ?", MARIADB, 0),
        # MySQL executes what is meant for it, and has no M.
        (b"/*! ? */ ?", MYSQL, 2),
        (b"/*!50700 ? */ ?", MYSQL, 2),
        (b"/*!80036 ? */ ?", MYSQL, 2),
        (b"/*!80037 ? */ ?", MYSQL, 1),
        (b"/*M! ? */ ?", MYSQL, 1),
        (b"/*M!50101 ? */ ?", MYSQL, 1),
        # A server of unknown version: as long as it does not matter.
        (b"/*! ? */ /*M! ? */ ?", (0, True), 3),
        (b"/*!9999 ? */ ?", (0, True), 2),
        (b"'/*!50101 ? */' ?", (0, True), 1),
        (b"/* /*!50101 ? */ ?", (0, True), 1),
        (b"/*M!50101 ? */ ?", (0, False), 1),
    ],
)
def test_comments_that_the_server_executes(text: bytes, server: tuple[int, bool], placeholders: int) -> None:
    version, mariadb = server
    assert count(parse(text, version=version, mariadb=mariadb)) == placeholders


@pytest.mark.parametrize("text", [b"/*!50101 1 */ ?", b"/*M!50101 1 */", b"?/*!999999*/"])
def test_a_comment_for_versions_wants_the_servers_version(text: bytes) -> None:
    with pytest.raises(ParameterError, match=r"^a comment for version \d{5,6}, and the server's version is not known$"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "style", "names"),
    [
        (b"select 1", None, ()),
        (b"? ?", Style.QMARK, ()),
        (b"%s %d", Style.FORMAT, ()),
        (b"%(b)s %(a)s %(b)s", Style.PYFORMAT, ("b", "a", "b")),
        ("%(測試)s".encode(), Style.PYFORMAT, ("測試",)),
        (b"%(\xff)s", Style.PYFORMAT, ("\udcff",)),
        (b"%()s", Style.PYFORMAT, ("",)),
        (b"%('?\"`--#)s", Style.PYFORMAT, ("'?\"`--#",)),
    ],
)
def test_style_and_names(text: bytes, style: str | None, names: tuple[str, ...]) -> None:
    statement = scan(text)
    assert (statement.style, statement.names) == (style, names)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        (b"? %s", "qmark", "format"),
        (b"%s ?", "format", "qmark"),
        (b"%d %(a)s", "format", "pyformat"),
        (b"%(a)s, ?", "pyformat", "qmark"),
        (b"? /*! %(a)s */", "qmark", "pyformat"),
    ],
)
def test_mixed_styles(text: bytes, first: str, second: str) -> None:
    with pytest.raises(ParameterError, match=rf"^Mixing .* not supported: {first} and {second}$"):
        scan(text)


@pytest.mark.parametrize("text", [b"? '%s'", b"%s '?' `%(a)s`", b"%(a)s -- ? %s", b"? /* %s */", b"? %%s"])
def test_styles_do_not_mix_where_they_are_no_placeholders(text: bytes) -> None:
    assert count(scan(text)) == 1


# Literals in their place


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        (b"select ?", [1], b"select 1"),
        (b"?", ["a"], b"'a'"),
        (b"f(?,?)", (1, None), b"f(1,NULL)"),
        (b"%s+%d", [1, 2], b"1+2"),
        (b"%(b)s,%(a)s,%(b)s", {"a": 1, "b": 2, "c": 3}, b"2,1,2"),
        ("%(測試)s".encode(), {"測試": "é"}, "'é'".encode()),
        (b"%(\xff)s", {"\udcff": 1}, b"1"),
        (b"5 %% ?", [3], b"5 %% 3"),
        (b"'%%', %s", [3], b"'%%', 3"),
        (b"'it''s ?', ?", ["?"], b"'it''s ?', '?'"),
        (b"/*!50101 ?*/", [1], b"/*!50101 1*/"),
        # Without a placeholder, parameters are ignored, of whatever kind.
        (b"select '?'", [1], b"select '?'"),
        (b"select 1", 5, b"select 1"),
        (b"", [], b""),
    ],
)
def test_interpolate(text: bytes, parameters: Any, expected: bytes) -> None:
    assert scan(text).interpolate(parameters, False) == expected


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (b"LIMIT?", [1], b"LIMIT 1"),
        (b"LIMIT?OFFSET", [1], b"LIMIT?OFFSET"),
        (b"LIMIT?,?", [1, 2], b"LIMIT 1,2"),
        (b"x?", ["41"], b"x '41'"),
        (b"_utf8?", ["a"], b"_utf8 'a'"),
        (b"@?", ["a"], b"@ 'a'"),
        (b"a.?", ["a"], b"a. 'a'"),
        (b"\xc3\xa9?", [1], b"\xc3\xa9 1"),
        (b"'a'?", ["b"], b"'a' 'b'"),
        (b"?'b'", ["a"], b"'a' 'b'"),
        (b'?"b"', ["a"], b"'a' \"b\""),
        (b"'\\'?", ["b"], b"'\\' 'b'"),
        (b"??", ["a", "b"], b"'a' 'b'"),
        (b"1?", [2], b"1 2"),
        (b"?.5", [1], b"1 .5"),
        (b"1.?", [5], b"1. 5"),
        (b"-?", [-1], b"- -1"),
        (b"?-?", [-1, -1], b"-1 - -1"),
        (b"?- 1", [1], b"1 - 1"),
        (b"5/?", [2], b"5/ 2"),
        (b"?/*x*/", [2], b"2 /*x*/"),
        (b"/*!?*/", [50101], b"/*! 50101*/"),
        (b"/*!5010?*/", [1], b"/*!5010 1*/"),
        (b"/*!50101?*/", [1], b"/*!50101 1*/"),
        # `--` and a space would be a comment, which a line end in the value would close.
        (b"5--?", [1], b"5--1"),
        (b"5--?", [-1], b"5---1"),
        (b"5--?", ["\n"], b"5--'\n'"),
        (b"?--?", [1, 2], b"1 --2"),
        (b"a?--\n", [1], b"a 1 --\n"),
        # What cannot grow together stays as it is written.
        (b"(?)=?+?*?<?>?;\t?\n?", [1, 2, -3, 4, 5, 6, 7, 8], b"(1)=2+-3*4<5>6;\t7\n8"),
    ],
)
def test_literals_do_not_grow_together_with_their_neighbours(text: bytes, values: list[Any], expected: bytes) -> None:
    assert scan(text, no_backslash_escapes=True).interpolate(values, True) == expected


@pytest.mark.parametrize(("no_backslash_escapes", "expected"), [(False, b"'\\\\'''"), (True, b"'\\'''")])
def test_interpolate_escapes_for_the_sql_mode(no_backslash_escapes: bool, expected: bytes) -> None:
    assert scan(b"?").interpolate(["\\'"], no_backslash_escapes) == expected


Pair = namedtuple("Pair", "a b")


class Twice(Sequence[int]):
    """A sequence that is neither list nor tuple."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: Any) -> Any:
        return [7, 8][index]


@pytest.mark.parametrize("parameters", [[7, 8], (7, 8), Pair(7, 8), range(7, 9), Twice()])
def test_sequences(parameters: Any) -> None:
    assert scan(b"?,?").interpolate(parameters, False) == b"7,8"
    assert scan(b"%s,%s").interpolate(parameters, False) == b"7,8"


def test_any_mapping() -> None:
    assert scan(b"%(a)s").interpolate(MappingProxyType({"a": 7}), False) == b"7"


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        (b"?", [], r"the statement has 1 placeholders, not 0"),
        (b"? ?", [1], r"the statement has 2 placeholders, not 1"),
        (b"%s", (1, 2), r"the statement has 1 placeholders, not 2"),
        (b"?", "a", r"placeholders \? and %s want a list or tuple, not str"),
        (b"?", b"a", r"placeholders \? and %s want a list or tuple, not bytes"),
        (b"?", bytearray(b"a"), r"placeholders \? and %s want a list or tuple, not bytearray"),
        (b"?", memoryview(b"a"), r"placeholders \? and %s want a list or tuple, not memoryview"),
        (b"?", {"a": 1}, r"placeholders \? and %s want a list or tuple, not dict"),
        (b"%s", {1}, r"placeholders \? and %s want a list or tuple, not set"),
        (b"%s", iter([1]), r"placeholders \? and %s want a list or tuple, not " + type(iter([])).__name__),
        (b"?", 1, r"placeholders \? and %s want a list or tuple, not int"),
        (b"%(a)s", [1], r"placeholders %\(name\)s want a mapping, not list"),
        (b"%(a)s", "a", r"placeholders %\(name\)s want a mapping, not str"),
        (b"%(a)s %(b)s", {"a": 1}, r"the parameters have no 'b', which the statement asks for"),
        (b"%(a)s", {b"a": 1}, r"the parameters have no 'a', which the statement asks for"),
        (b"%(a)s", defaultdict(int), r"the parameters have no 'a', which the statement asks for"),
    ],
)
def test_parameters_that_do_not_fit(text: bytes, parameters: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=f"^{message}$"):
        scan(text).interpolate(parameters, False)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (object(), ParameterError, "a object cannot be a parameter: MariaDB has no literal for it"),
        (float("nan"), UnsupportedValueError, "MariaDB has no value for float nan"),
        (10**65, ValueRangeError, "an integer of 216 bits; 65 digits is the most"),
        ("a\ud800", ParameterError, "a parameter has a lone surrogate at position 1"),
    ],
)
def test_errors_name_the_parameter(value: Any, kind: type[ParameterError], message: str) -> None:
    with pytest.raises(ParameterError) as raised:
        scan(b"?,?,?").interpolate([1, value, 1], False)
    assert (type(raised.value), str(raised.value)) == (kind, f"parameter 2: {message}")
    with pytest.raises(ParameterError) as raised:
        scan("%(a)s %(é)s".encode()).interpolate({"a": 1, "é": value}, False)
    assert (type(raised.value), str(raised.value)) == (kind, f"parameter 'é': {message}")


class Liar(list[Any]):
    """A list that says nothing true of its length."""

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("values", [[], [1, 2], [1, 2, 3]])
def test_a_sequence_that_lies_about_its_length(values: list[int]) -> None:
    with pytest.raises(ParameterError, match=f"^the statement has 1 placeholders, not {len(values)}$"):
        scan(b"?").interpolate(Liar(values), False)


def test_a_list_that_changes_while_it_is_read() -> None:
    class Growing:
        def __index__(self) -> int:
            values.append(9)
            return 7

    values: list[Any] = [Growing(), 8]
    assert scan(b"?,?").interpolate(values, False) == b"7,8"


# Properties

FRAGMENTS = [
    *(b"?", b"'", b'"', b"`", b"''", b"\\", b"\\'", b"#", b"-", b"--", b"-- ", b"\n", b"\0", b" ", b",", b"a", b"1"),
    *(b"/*", b"*/", b"/*!", b"/*M!", b"/*!50101", b"/*!999999", b"/", b"*", b"%", b"(", b")", b".", b"\xc3\xa9", b"$"),
]
statements = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join)
modes = st.sampled_from(MODES)
PLACEHOLDERS = {Style.QMARK: [b"?"], Style.FORMAT: [b"%s", b"%d"], None: []}


@given(st.lists(st.sampled_from([*FRAGMENTS, b"%s", b"%d", b"%(a)s", b"%(b)s"]), max_size=12).map(b"".join), modes)
def test_parts_and_placeholders_are_the_statement(text: bytes, mode: tuple[bool, bool]) -> None:
    try:
        statement = scan(text, *mode)
    except ParameterError as error:
        assert str(error).startswith("Mixing")
        return
    left = text
    for index, part in enumerate(statement.parts):
        if index:
            texts = (
                [b"%%(%s)s" % statement.names[index - 1].encode()] if statement.names else PLACEHOLDERS[statement.style]
            )
            (found,) = [placeholder for placeholder in texts if left.startswith(placeholder)]
            left = left[len(found) :]
        assert left.startswith(part)
        left = left[len(part) :]
    assert left == b""
    assert len(statement.names) in (0, count(statement))


@given(st.binary(), modes)
def test_any_bytes_are_scanned(text: bytes, mode: tuple[bool, bool]) -> None:
    try:
        statement = scan(text, *mode)
    except ParameterError as error:
        assert str(error).startswith("Mixing")
    else:
        assert sum(map(len, statement.parts)) + count(statement) <= len(text)


texts = st.text(st.sampled_from("?'\"`\\\n-#/*%! \0\x1aa1é"), max_size=8)


@given(statements, modes, st.lists(texts | texts.map(str.encode) | st.integers(-2, 2) | st.none(), min_size=1))
@example(b"--?", (False, False), ["\n?"])
@example(b"'\\'?", (True, False), ["?"])
def test_a_value_never_leaves_its_literal(text: bytes, mode: tuple[bool, bool], values: list[Any]) -> None:
    """In the new statement, what stood behind a placeholder is still read as it was, and no value is read as SQL."""
    statement = scan(text, *mode)
    if statement.style != Style.QMARK:
        return
    values = [values[index % len(values)] for index in range(count(statement))]
    new = statement.interpolate(values, mode[0])
    assert count(scan(new, *mode)) == 0
    for tail in (b" ?", b"\n?", b"*/?", b"'?", b"\n'?", b'"?', b"`?"):
        assert count(scan(new + tail, *mode)) == count(scan(text + tail, *mode)) - count(statement)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.binary(), modes)
def test_a_literal_is_one_string_to_the_scanner(value: Any, mode: tuple[bool, bool]) -> None:
    text = literal(value, mode[0])
    assert scan(text + b",?", *mode).parts == (text + b",", b"")


LONG = [
    *((b"?,", 1), (b"%s,", 1), (b"%(a)s,", 1), (b"`a`?,", 1), (b"#\n?,", 1), (b"#\0?,", 1), (b"?a", 0), (b"%", 0)),
    *((b"%(", 0), (b"%()", 0), (b"\\'", 0), (b"\\", 0), (b"\"'\"'", 0), (b"``", 0), (b"-", 0), (b"--", 0)),
    *((b"-- \n", 0), (b"-- \0", 0), (b"/*", 0), (b"/**/", 0), (b"/*!", 0), (b"/*! */", 0), (b"*/", 0)),
    *((b"/*!999999", 0), (b"/*!999999*/", 0)),
]
LONG_BEHIND = [
    *((b"'", b"\\'"), (b"'", b"\\\\"), (b"'", b"''"), (b"'", b"' \\"), (b'"', b"'"), (b"`", b"'")),
    *((b"/*!999999 ", b"/*"), (b"/*!999999 ", b"/* */"), (b"/*!999999 ", b"/* /* */"), (b"/*!999999 ", b"/*/")),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("start", "unit", "placeholders"),  # placeholders: in each unit
    [*((b"", unit, placeholders) for unit, placeholders in LONG), *((start, unit, 0) for start, unit in LONG_BEHIND)],
)
def test_a_megabyte_is_scanned_in_linear_time(start: bytes, unit: bytes, placeholders: int) -> None:
    units = 1_000_000 // len(unit)
    statement = scan(start + unit * units)
    assert count(statement) == placeholders * units
