"""Keywords: names, aliases, types, ranges; and how a server is reached."""

from __future__ import annotations

import pytest

import mariadb_py
from mariadb_py.core.options import (
    CONNECT_OPTIONS,
    LOCALHOST,
    POOL_OPTIONS,
    TLS_KEYWORDS,
    USUAL_SOCKETS,
    ConnectOptions,
    Endpoint,
    PoolOptions,
)
from mariadb_py.exceptions import NotSupportedError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ALIASES = [(option.name, alias) for option in CONNECT_OPTIONS for alias in option.aliases]
SAMPLES: dict[str, Any] = {
    "host": "db.example",
    "port": 3307,
    "user": "u",
    "password": "secret",
    "database": "d",
    "unix_socket": "/s",
    "connect_timeout": 2.5,
    "read_timeout": 3,
    "write_timeout": 4,
    "autocommit": True,
    "init_command": "SET @a=1",
}
WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("host", "user", "database", "unix_socket", "init_command"), (1, b"x", ["x"], True)),
    "port": ("3306", 3306.0, True),
    "password": (1, bytearray(b"x"), True),
    **dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), ("1", True, 1j)),
    "autocommit": ("yes", 1.0),
}


def options(**keywords: Any) -> ConnectOptions:
    return ConnectOptions.from_keywords(keywords)


def values(made: ConnectOptions) -> dict[str, Any]:
    return {name: getattr(made, name) for name in ConnectOptions.__slots__}


def test_defaults() -> None:
    assert values(options()) == {
        **dict.fromkeys(ConnectOptions.__slots__),
        "port": 0,
        "connect_timeout": 10,
        "autocommit": False,
    }


def test_none_means_not_given() -> None:
    assert values(options(**dict.fromkeys(SAMPLES))) == values(options())


def test_every_option_is_taken_over() -> None:
    assert set(SAMPLES) == {option.name for option in CONNECT_OPTIONS} == set(ConnectOptions.__slots__)
    assert values(options(**SAMPLES)) == SAMPLES


@pytest.mark.parametrize(("name", "alias"), ALIASES)
def test_aliases(name: str, alias: str) -> None:
    assert values(options(**{alias: SAMPLES[name]})) == values(options(**{name: SAMPLES[name]}))
    assert values(options(**{alias: "same", name: "same"})) == values(options(**{name: "same"}))
    with pytest.raises(TypeError, match=f"^{name} and {alias} are the same option and have different values$"):
        options(**{name: "one", alias: "other"})


@pytest.mark.parametrize(("name", "alias"), ALIASES)
def test_none_beside_an_alias_is_not_given(name: str, alias: str) -> None:
    for first, second in ((name, alias), (alias, name)):
        for keywords in ({first: SAMPLES[name], second: None}, {first: None, second: SAMPLES[name]}):
            assert values(options(**keywords)) == values(options(**{name: SAMPLES[name]}))


@pytest.mark.parametrize(("name", "alias"), ALIASES)
def test_errors_name_the_keyword_as_it_was_written(name: str, alias: str) -> None:
    for written in (name, alias):
        with pytest.raises(TypeError, match=f"^{written} wants .*, not int$"):
            options(**{written: 1})


def test_the_documented_aliases_are_there() -> None:
    assert ALIASES == [("user", "username"), ("password", "passwd"), ("database", "db")]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, them in WRONG_TYPES.items() for value in them])
def test_wrong_types(name: str, value: object) -> None:
    assert set(WRONG_TYPES) == set(SAMPLES)
    with pytest.raises(TypeError, match=f"^{name} wants .*, not {type(value).__name__}$"):
        options(**{name: value})


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        *(
            ({name: "a\0b"}, f"{name} may not contain a NUL character, not 'a.x00b'")
            for name in ("host", "user", "database", "unix_socket")
        ),
        ({"username": "\0"}, "username may not contain a NUL"),
        *(({"port": port}, "port is a number from 0 to 65535") for port in (-1, 65536, 10**30)),
        *(
            ({name: value}, f"{name} is a time in seconds of at least 0")
            for name in ("connect_timeout", "read_timeout", "write_timeout")
            for value in (-1, -0.5, float("inf"), float("nan"))
        ),
    ],
)
def test_values_out_of_range(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ProgrammingError, match=f"^{message}"):
        options(**keywords)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        *((name, 0, None) for name in ("connect_timeout", "read_timeout", "write_timeout")),
        *((name, 0.0, None) for name in ("connect_timeout", "read_timeout", "write_timeout")),
        ("connect_timeout", 1e300, 1e300),
        ("autocommit", 1, True),
        ("autocommit", 0, False),
        ("database", "", None),
        ("password", b"\0\xff", b"\0\xff"),
        ("password", "a\0b", "a\0b"),
        ("user", "", ""),
        ("user", "x" * 100_000, "x" * 100_000),
    ],
)
def test_values_at_the_edge(name: str, given: object, kept: object) -> None:
    assert getattr(options(**{name: given}), name) == kept


@pytest.mark.parametrize(
    ("keyword", "meant"),
    [
        ("pasword", "password"),
        ("databse", "database"),
        ("usr", "user"),
        ("Port", "port"),
        ("conect_timeout", "connect_timeout"),
        ("pool_nam", "pool_name"),
    ],
)
def test_an_unknown_keyword_names_the_nearest(keyword: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"^connect\(\) has no keyword '{keyword}'; did you mean '{meant}'\?$"):
        options(**{keyword: 1})


def test_an_unknown_keyword_that_is_near_to_none() -> None:
    with pytest.raises(TypeError, match=r"^connect\(\) has no keyword 'zzzz'$"):
        options(zzzz=1)


@pytest.mark.parametrize("keyword", ["pool_size", "pool_reset_session", "pool_validation_interval"])
def test_a_keyword_of_a_pool_without_a_pool(keyword: str) -> None:
    with pytest.raises(TypeError, match=f"^{keyword} is an option of a pool, and no pool_name is given$"):
        options(**{keyword: 5})


@pytest.mark.parametrize("keyword", TLS_KEYWORDS)
def test_tls_is_refused_and_never_overlooked(keyword: str) -> None:
    for value in (True, "x", {"ca": "x"}, 1):
        with pytest.raises(NotSupportedError, match=f"^{keyword}: TLS is not supported"):
            options(**{keyword: value})
    assert values(options(**{keyword: None})) == values(options(**{keyword: False})) == values(options())


def test_the_password_is_never_shown() -> None:
    assert "secret" not in repr(options(**SAMPLES))
    assert "db.example" in repr(options(**SAMPLES))
    with pytest.raises(TypeError) as caught:
        options(password=["secret"])
    assert "secret" not in str(caught.value)
    with pytest.raises(TypeError) as caught:
        options(password="secret", passwd="other")
    assert "secret" not in str(caught.value)


# The way to the server


def shown(endpoint: Endpoint) -> tuple[str | None, int, str | None, tuple[str, ...]]:
    return endpoint.host, endpoint.port, endpoint.path, endpoint.tried


SECOND = USUAL_SOCKETS[1]


@pytest.mark.parametrize(
    ("keywords", "present", "expected"),
    [
        ({}, (SECOND,), (None, 0, SECOND, ())),
        ({"host": "localhost"}, (SECOND, USUAL_SOCKETS[2]), (None, 0, SECOND, ())),
        ({"host": ""}, (SECOND,), (None, 0, SECOND, ())),
        ({"port": 0}, (SECOND,), (None, 0, SECOND, ())),
        ({}, (), (LOCALHOST, 3306, None, USUAL_SOCKETS)),
        ({"port": 3306}, (SECOND,), (LOCALHOST, 3306, None, ())),
        ({"host": "localhost", "port": 3307}, (SECOND,), (LOCALHOST, 3307, None, ())),
        ({"host": "127.0.0.1"}, (SECOND,), ("127.0.0.1", 3306, None, ())),
        ({"host": "LOCALHOST"}, (SECOND,), ("LOCALHOST", 3306, None, ())),
        ({"unix_socket": "/mine"}, (SECOND,), (None, 0, "/mine", ())),
        ({"unix_socket": "/mine", "host": None}, (), (None, 0, "/mine", ())),
        ({"unix_socket": "/mine", "host": "localhost", "port": 1}, (), (None, 0, "/mine", ())),
        ({"unix_socket": "/mine", "host": "db"}, (), ("db", 3306, None, ())),
        ({"unix_socket": "/mine", "host": "127.0.0.1", "port": 1}, (), ("127.0.0.1", 1, None, ())),
        ({"unix_socket": "", "host": "db"}, (), ("db", 3306, None, ())),
    ],
)
def test_endpoint(keywords: dict[str, Any], present: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    assert shown(options(**keywords).endpoint(present.__contains__)) == expected


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("db", 3306), "db:3306"),
        (Endpoint("::1", 3306), "[::1]:3306"),
        (Endpoint(path="/run/s"), "/run/s"),
    ],
)
def test_an_endpoint_as_text(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


# Pools


def test_pool_options_are_split_from_those_of_connections() -> None:
    pool, rest = PoolOptions.split({"pool_name": "p", "host": "h", "pool_size": 7, "what": 1})
    assert (pool.name, pool.size, pool.reset, pool.validation_interval) == ("p", 7, True, 0.5)
    assert rest == {"host": "h", "what": 1}


def test_pool_defaults() -> None:
    pool, rest = PoolOptions.split({})
    assert (pool.name, pool.size, pool.reset, pool.validation_interval) == (None, 5, True, 0.5)
    assert rest == {}


@pytest.mark.parametrize(
    ("name", "alias", "value"),
    [
        ("pool_reset_session", "pool_reset_connection", False),
        ("pool_invalidation_interval", "pool_validation_interval", 250),
    ],
)
def test_pool_aliases(name: str, alias: str, value: object) -> None:
    one, _ = PoolOptions.split({name: value})
    other, _ = PoolOptions.split({alias: value})
    assert (one.reset, one.validation_interval) == (other.reset, other.validation_interval)
    with pytest.raises(TypeError, match=f"^{name} and {alias} are the same option and have different values$"):
        PoolOptions.split({name: value, alias: 5})
    assert {alias for option in POOL_OPTIONS for alias in option.aliases} >= {alias}


def test_pool_options_on_top_of_present_ones() -> None:
    first, _ = PoolOptions.split({"pool_name": "p", "pool_size": 7})
    second, _ = PoolOptions.split({"pool_invalidation_interval": 0}, first)
    assert (second.name, second.size, second.validation_interval) == ("p", 7, 0)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        *(({"pool_size": size}, ProgrammingError) for size in (0, -1, 65)),
        *(({"pool_size": size}, TypeError) for size in ("5", 5.0, True)),
        ({"pool_name": b"p"}, TypeError),
        ({"pool_reset_session": 1}, TypeError),
        *(({"pool_invalidation_interval": time}, ProgrammingError) for time in (-1, (1 << 31) + 1, 10**400)),
        ({"pool_validation_interval": -1}, ProgrammingError),
        ({"pool_invalidation_interval": 0.5}, TypeError),
    ],
)
def test_wrong_pool_options(keywords: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(keywords)) if "size" not in next(iter(keywords)) else "(?i)pool.size"):
        PoolOptions.split(keywords)


def test_the_longest_interval() -> None:
    pool, _ = PoolOptions.split({"pool_invalidation_interval": 1 << 31})
    assert pool.validation_interval == (1 << 31) / 1000


def test_connect_documents_every_keyword() -> None:
    text = mariadb_py.connect.__doc__ or ""
    for option in (*CONNECT_OPTIONS, *POOL_OPTIONS):
        assert option.name in text
