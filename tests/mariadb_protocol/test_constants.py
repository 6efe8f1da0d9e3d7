"""constants.py: every limit has a name, a default and an effect."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mariadb_protocol import Credentials, LimitExceeded, RemoteProtocolError, Session
from mariadb_protocol.constants import Capability, FieldFlag, Limits, Status
from mariadb_protocol.security import Security
from tests.support.script_auth import CRYPTO
from tests.support.scripts import (
    AUTOCOMMIT,
    Script,
    call,
    client,
    column,
    greeting,
    lenenc,
    ok,
    ready_session,
    replay_all_ways,
    result,
    result_set,
    row,
    server,
    switch,
    text,
    tracked,
)

if TYPE_CHECKING:
    from tests.support.scripts import Step

LOGIN = call("login", Credentials())
NATIVE = b"mysql_native_password"
SELECT = client(b"\x03SELECT 1")
TRACKED = ("ok", 0, 0, 0x4002, 0, b"")


def anything(data: bytes) -> bool:
    return True


def greets(size: int) -> list[Step]:
    """A login whose greeting has this size."""
    plugin = b"p" * (size - len(greeting(plugin=b"")))
    return [server(greeting(plugin=plugin), sequence=0), ("client", anything), server(ok(), sequence=2)]


def switches(size: int) -> list[Step]:
    """A login with an authentication packet of this size."""
    data = bytes(size - len(switch(NATIVE, b"")))
    steps = [server(switch(NATIVE, data), sequence=2), ("client", anything), server(ok(), sequence=4)]
    return [*greets(100)[:2], *steps]


def rounds(count: int) -> list[Step]:
    """A login with so many authentication packets."""
    steps = greets(100)[:2]
    for number in range(count - 1):
        steps += [server(switch(NATIVE, b""), sequence=2 + 2 * number), ("client", anything)]
    return [*steps, server(ok(), sequence=2 * count)]


def derives(factor: int) -> list[Step]:
    """A login by parsec, whose key takes 1024 << factor iterations."""
    parameters = b"P" + bytes((factor,)) + bytes(18)
    steps = [server(switch(b"parsec", bytes(32)), sequence=2), ("client", anything), server(parameters, sequence=4)]
    return [*greets(100)[:2], *steps, ("client", anything), server(ok(), sequence=6)]


def says(payload: bytes) -> list[Step]:
    return [SELECT, server(payload)]


def variables(count: int) -> list[Step]:
    pairs = [text(b"name%d" % number) + text(b"") for number in range(count)]
    return says(ok(status=0x4002, tail=tracked((0, b"".join(pairs)))))


def long_variables(*sizes: int) -> list[Step]:
    """Variables of these sizes; their names have a character each."""
    pairs = [text(bytes((97 + number,))) + text(bytes(size)) for number, size in enumerate(sizes)]
    return says(ok(status=0x4002, tail=tracked((0, b"".join(pairs)))))


def columns(count: int) -> list[Step]:
    return [SELECT, ("server", result([column()] * count, []))]


# name -> command, steps that are just allowed, its answer, and steps that are just too much
HELD: dict[str, tuple[Any, int, list[Step], Any, list[Step]]] = {
    "packet_size": (
        call("query", b"SELECT 1"),
        100,
        says(ok(tail=text(b"i" * 92))),
        ("ok", 0, 0, 2, 0, b"i" * 92),
        says(ok(tail=text(b"i" * 93))),
    ),
    "greeting_size": (LOGIN, 100, greets(100), AUTOCOMMIT, greets(101)),
    "auth_packet_size": (LOGIN, 200, switches(200), AUTOCOMMIT, switches(201)),
    "auth_rounds": (LOGIN, 3, rounds(3), AUTOCOMMIT, [*rounds(3)[:-1], server(switch(NATIVE, b""), sequence=6)]),
    "pbkdf2_iterations": (LOGIN, 2048, derives(1), AUTOCOMMIT, derives(2)[:-2]),
    "columns": (call("query", b"SELECT 1"), 2, columns(2), result_set(["c", "c"], []), says(lenenc(3))),
    "session_track_size": (
        call("query", b"SELECT 1"),
        50,
        says(ok(status=0x4002, tail=tracked((9, bytes(48))))),
        TRACKED,
        says(ok(status=0x4002, tail=tracked((9, bytes(49))))),
    ),
    "session_variables": (call("query", b"SELECT 1"), 3, variables(3), TRACKED, variables(4)),
    "session_variables_size": (
        call("query", b"SELECT 1"),
        400,
        long_variables(199, 199),
        TRACKED,
        long_variables(199, 200),
    ),
    "metadata_size": (
        call("query", b"SELECT 1"),
        2 * len(column()) + 1,
        columns(2),
        result_set(["c", "c"], []),
        [SELECT, server(lenenc(2), column(), column(b"cc"))],
    ),
    "decimal_digits": (
        call("query", b"SELECT 1"),
        5,
        [SELECT, ("server", result([column(kind=246)], [row(b"12.34")]))],
        result_set(["c"], [(Decimal("12.34"),)]),
        [SELECT, ("server", result([column(kind=246)], [row(b"123.45")]))],
    ),
}


def test_every_limit_is_here() -> None:
    assert sorted(HELD) == sorted({*Limits.__slots__} - {"results"})  # which are kept by mariadb_py.core.cursor


@pytest.mark.parametrize("name", HELD)
def test_what_a_limit_allows(name: str) -> None:
    command, limit, steps, answer, _ = HELD[name]
    script = Script(name, command, steps, answer)
    script.start = session_maker(command, name, limit)
    replay_all_ways(script)


@pytest.mark.parametrize("name", HELD)
def test_what_a_limit_refuses(name: str) -> None:
    command, limit, _, _, steps = HELD[name]
    raises = RemoteProtocolError if name == "decimal_digits" else LimitExceeded
    sent = 2 * limit if name == "pbkdf2_iterations" else limit + 1
    match = f"{name} is {limit}, the server sent {sent}$"
    script = Script(name, command, steps, raises=raises, match=match)
    script.start = session_maker(command, name, limit)
    replay_all_ways(script)


def session_maker(command: Any, name: str, limit: int) -> Any:
    limits = Limits(**{name: limit})
    security = Security(crypto=CRYPTO)
    return (lambda: Session(limits, security=security)) if command is LOGIN else (lambda: ready_session(limits=limits))


def test_limits_by_default() -> None:
    """Nothing that a real server sends comes near them."""
    limits = Limits()
    assert limits.packet_size == 1 << 30  # the largest max_allowed_packet
    assert limits.columns == 65535  # a table has at most 4096, a SELECT list may have more
    assert all(getattr(limits, name) > 0 for name in Limits.__slots__)


@pytest.mark.parametrize("flags", [Capability, Status, FieldFlag])
def test_flags_are_single_and_distinct_bits(flags: type) -> None:
    values = [value for name, value in vars(flags).items() if name.isupper()]
    assert [value for value in values if value & value - 1] == []
    assert len(set(values)) == len(values)
