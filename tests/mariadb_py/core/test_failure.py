"""Which exception of the PEP 249 tree an error of the protocol layer becomes."""

from __future__ import annotations

import pytest

from mariadb_protocol import ErrPacket, Session
from mariadb_protocol.errors import (
    ConnectionClosed,
    LimitExceeded,
    LocalProtocolError,
    ParameterError,
    ProtocolError,
    RemoteProtocolError,
    SecurityError,
    UnsupportedValueError,
    ValueRangeError,
)
from mariadb_protocol.security import Security
from mariadb_py.core.failure import gone, login_error, protocol_failure, server_error
from mariadb_py.exceptions import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    LostConnectionError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)


def all_subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*map(all_subclasses, kind.__subclasses__()))


CASES: list[tuple[ProtocolError, type[Error], int, str, str]] = [
    (ParameterError("p"), ProgrammingError, 2000, "HY000", "p"),
    (UnsupportedValueError("nan"), NotSupportedError, 2000, "HY000", "nan"),
    (ValueRangeError("long"), DataError, 2000, "HY000", "long"),
    (LocalProtocolError("l"), ProgrammingError, 2000, "HY000", "l"),
    (RemoteProtocolError("r"), OperationalError, 2027, "HY000", "r; the connection is closed"),
    (
        LimitExceeded("columns", 5, 6),
        OperationalError,
        2027,
        "HY000",
        "columns is 5, the server sent 6; the connection is closed",
    ),
    (ConnectionClosed("c"), LostConnectionError, 2013, "HY000", "c"),
    (ConnectionClosed("killed", 1927, "70100"), LostConnectionError, 1927, "70100", "killed"),
    (SecurityError("p"), OperationalError, 2061, "HY000", "p"),
    (SecurityError("t", SecurityError.TLS), OperationalError, 2026, "HY000", "t"),
    (ProtocolError("?"), InterfaceError, 2000, "HY000", "?"),
]


@pytest.mark.parametrize(("error", "kind", "errno", "sqlstate", "message"), CASES)
def test_protocol_failure(error: ProtocolError, kind: type[Error], errno: int, sqlstate: str, message: str) -> None:
    made = protocol_failure(error)
    assert type(made) is kind
    assert (made.errno, made.sqlstate, str(made)) == (errno, sqlstate, message)


def test_every_error_of_the_protocol_layer_has_a_case() -> None:
    assert {type(case[0]) for case in CASES} == all_subclasses(ProtocolError)


def test_server_error() -> None:
    made = server_error(ErrPacket(1062, "23000", "Duplicate entry"))
    assert type(made) is IntegrityError
    assert (made.errno, made.sqlstate, made.msg) == (1062, "23000", "Duplicate entry")


def test_login_error() -> None:
    session = Session()
    made = login_error(ErrPacket(1045, "28000", "Access denied"), session)
    assert (type(made), made.errno, made.sqlstate, made.msg) == (OperationalError, 1045, "28000", "Access denied")
    session.refusals += ["gssapi was not used: why", "dialog was not used: why not"]
    assert login_error(ErrPacket(1045, "28000", "Access denied"), session).msg == (
        "Access denied (gssapi was not used: why; dialog was not used: why not)"
    )


BEFORE_TLS = " (this came before TLS: anybody may have said it)"


@pytest.mark.parametrize(
    ("tls", "encrypted", "more"), [(True, False, BEFORE_TLS), (True, True, ""), (False, False, ""), (False, True, "")]
)
def test_login_error_before_tls(tls: bool, encrypted: bool, more: str) -> None:
    session = Session(security=Security(tls=tls))
    session.channel.encrypted = encrypted
    made = login_error(ErrPacket(1040, "", "Too many connections"), session)
    assert (type(made), made.errno, made.msg) == (OperationalError, 1040, f"Too many connections{more}")


def test_login_error_without_sqlstate() -> None:
    """Before the login an ERR packet has none."""
    made = login_error(ErrPacket(1040, "", "Too many connections"), Session())
    assert (type(made), made.errno, made.sqlstate) == (OperationalError, 1040, "HY000")


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (None, "Server has gone away"),
        (KeyboardInterrupt(), "Server has gone away (KeyboardInterrupt)"),
        (ValueError("why"), "Server has gone away (why)"),
    ],
)
def test_gone(cause: BaseException | None, message: str) -> None:
    session = Session()
    if cause is not None:
        session.fail(cause)
    made = gone(session)
    assert type(made) is LostConnectionError
    assert (made.errno, str(made)) == (2006, message)
