"""The grammar of connection URIs."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.core.uri import MAX_LENGTH, parse_uri
from mariadb_py.exceptions import ProgrammingError


@pytest.mark.parametrize(
    ("uri", "options"),
    [
        ("mariadb://", []),
        ("MySQL:///", []),
        ("mariadb://?", []),
        ("mariadb://@", []),
        ("mariadb://db", [("host", "db")]),
        ("mariadb://db:3307", [("host", "db"), ("port", "3307")]),
        ("mariadb://:3307", [("host", "localhost"), ("port", "3307")]),
        ("mariadb://[::1]", [("host", "::1")]),
        ("mariadb://[::1]:3307/d", [("host", "::1"), ("port", "3307"), ("database", "d")]),
        ("mariadb://a:1,[::1]:2,c", [("host", "a:1,[::1]:2,c")]),
        ("mariadb://u@", [("user", "u")]),
        ("mariadb://u@h", [("user", "u"), ("host", "h")]),
        ("mariadb://u:@h", [("user", "u"), ("password", ""), ("host", "h")]),
        ("mariadb://:p@h", [("password", "p"), ("host", "h")]),
        ("mariadb://u:p:q@r@h", [("user", "u"), ("password", "p:q@r"), ("host", "h")]),
        (
            "mariadb://u%3A%40%2F:p%3F%23%25@h/d%2Fe",
            [("user", "u:@/"), ("password", "p?#%"), ("host", "h"), ("database", "d/e")],
        ),
        # Once only: %2541 is %41, not A.
        ("mariadb:///?init_command=%2541", [("init_command", "%41")]),
        ("mariadb:///?a=1+1&b=x=y", [("a", "1+1"), ("b", "x=y")]),
        ("mariadb://?a=1&&b=2&", [("a", "1"), ("b", "2")]),
        ("mariadb://?a=/?&b=", [("a", "/?"), ("b", "")]),
        ("mariadb://?a=1&a=2", [("a", "1"), ("a", "2")]),
        ("mariadb://%E6%B8%AC:測@h", [("user", "測"), ("password", "測"), ("host", "h")]),
        ("mariadb://h/\tx\ny", [("host", "h"), ("database", "\tx\ny")]),
    ],
)
def test_parse_uri(uri: str, options: list[tuple[str, str]]) -> None:
    assert parse_uri(uri) == options


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", "A connection URI begins with mariadb:// or mysql://"),
        ("localhost", "A connection URI begins with mariadb:// or mysql://"),
        ("u:p@mariadb://h", "A connection URI begins with mariadb:// or mysql://"),
        ("postgres://h", "A connection URI begins with mariadb:// or mysql://, not with postgres://"),
        ("mariadb+x://h", "A connection URI begins with mariadb:// or mysql://, not with mariadb+x://"),
        ("mariadb://" + "x" * MAX_LENGTH, "The URI has 65546 characters; 65536 are allowed"),
        ("mariadb://u:p#q@h", "A URI may not contain '#': write %23"),
        *(
            (uri, "A URI may contain '@' only in front of the host: write / as %2F, ? as %3F, @ as %40")
            for uri in ("mariadb://u:p/q@h", "mariadb://u:p?q@h", "mariadb://u:p@q/r@h", "mariadb://h/d?a=@")
        ),
        *(
            (uri, "The host in the URI is not name:port or [address]:port, or a list of these")
            for uri in ("mariadb://h:x", "mariadb://h:65536", "mariadb://[::1", "mariadb://a,,b", "mariadb://:")
        ),
        ("mariadb://h/a/b", "The URI's path is one database name: write / as %2F"),
        ("mariadb://h?compress", "An option in the URI has no value: write name=value"),
        ("mariadb://u:100%@h", "% without two hexadecimal digits in the URI (password): write %25"),
        ("mariadb://h?a=%4", "% without two hexadecimal digits in the URI (a): write %25"),
        ("mariadb://h?%g0=", "% without two hexadecimal digits in the URI (name of an option): write %25"),
        ("mariadb://h/%FF", "The URI is not UTF-8 after percent-decoding (database)"),
        ("mariadb://\udc80@h", "The URI is not UTF-8 after percent-decoding (user)"),
    ],
)
def test_what_is_not_a_uri(uri: str, message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        parse_uri(uri)
    assert str(caught.value) == message
    assert caught.value.__cause__ is None


TEXT = st.text(st.characters(codec="utf-8"))


@given(
    user=TEXT.filter(bool),
    password=TEXT,
    host=st.from_regex(r"[a-z0-9.-]+", fullmatch=True),
    port=st.integers(1, 65535),
    database=TEXT.filter(bool),
    options=st.lists(st.tuples(TEXT, TEXT)),
)
def test_what_is_quoted_comes_back(
    user: str, password: str, host: str, port: int, database: str, options: list[tuple[str, str]]
) -> None:
    def q(text: str) -> str:
        return quote(text, safe="")

    query = "&".join(f"{q(name)}={q(text)}" for name, text in options)
    assert parse_uri(f"mariadb://{q(user)}:{q(password)}@{host}:{port}/{q(database)}?{query}") == [
        ("user", user),
        ("password", password),
        ("host", host),
        ("port", str(port)),
        ("database", database),
        *options,
    ]


@given(st.lists(st.sampled_from("ab:/?#@[]%41&=,. \0é")).map("".join))
def test_any_text_is_a_uri_or_a_programming_error(text: str) -> None:
    try:
        options = parse_uri("mariadb://" + text)
    except ProgrammingError:
        return
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in options)


# Raw in a password, each of these is a likely mistake, and moves the border between the password and what follows it.
@given(st.text(alphabet="@/?#:[],%&=").filter(bool), st.sampled_from(["", ":3306", "/db", "?binary=1"]))
def test_no_error_shows_a_password_that_is_not_quoted(separators: str, rest: str) -> None:
    password = separators.join(("hush1", "hush2", "hush3"))
    try:
        parse_uri(f"mariadb://user:{password}@host{rest}")
    except ProgrammingError as error:
        assert "hush" not in str(error)
