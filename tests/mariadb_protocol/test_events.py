from __future__ import annotations

import mariadb_protocol
from mariadb_protocol import errors
from mariadb_protocol.errors import ConnectionClosed, LimitExceeded, ProtocolError, SecurityError
from mariadb_protocol.events import Interrupt, Send, StartTLS
from mariadb_protocol.security import Verified


def test_send_carries_its_bytes() -> None:
    assert Send(b"abc").data == b"abc"
    assert not isinstance(Send(b""), bytes)


def test_start_tls_begins_with_nothing_found_out() -> None:
    event = StartTLS(b"abc")
    assert (event.data, event.verified, event.certificate) == (b"abc", Verified.NO, b"")
    assert not isinstance(event, (bytes, Send))


def test_interrupt_carries_what_has_struck() -> None:
    error = KeyboardInterrupt()
    assert Interrupt(error).error is error
    assert not isinstance(Interrupt(error), (bytes, Send, StartTLS))


def test_public_names_exist() -> None:
    assert [name for name in mariadb_protocol.__all__ if not hasattr(mariadb_protocol, name)] == []
    assert sorted(mariadb_protocol.__all__) == list(mariadb_protocol.__all__)


def test_every_error_is_a_protocol_error() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(classes) == 9
    assert all(issubclass(value, ProtocolError) for value in classes)


def test_errors_carry_their_numbers() -> None:
    error = LimitExceeded("columns", 3, 4)
    assert (error.name, error.limit, error.value) == ("columns", 3, 4)
    assert str(error) == "columns is 3, the server sent 4"
    closed = ConnectionClosed("bye", 1927, "70100")
    assert (str(closed), closed.errno, closed.sqlstate) == ("bye", 1927, "70100")
    assert (ConnectionClosed("bye").errno, ConnectionClosed("bye").sqlstate) == (0, "")
    assert (SecurityError("no").errno, SecurityError("no", SecurityError.TLS).errno) == (2061, 2026)
