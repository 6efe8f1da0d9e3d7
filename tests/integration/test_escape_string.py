"""escape_string() where the sql_mode is in doubt: the server is asked, or there is an error, but never a guess."""

from __future__ import annotations

import time

import pytest

from mariadb_py.exceptions import InterfaceError, LostConnectionError
from tests.support.listener import PATIENCE
from tests.support.running import ask
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mariadb_py import Connection
    from tests.support.server import Connector

PLAIN, NO_ESCAPES = "", "NO_BACKSLASH_ESCAPES"
TEXT = "x\\' OR 1 -- "
ESCAPED = {PLAIN: "x\\\\\\' OR 1 -- ", NO_ESCAPES: "x\\'' OR 1 -- "}


def set_mode(connection: Connection, mode: str) -> None:
    ask(connection, f"SET sql_mode = '{mode}'")


@pytest.mark.parametrize(("mode", "other"), [(PLAIN, NO_ESCAPES), (NO_ESCAPES, PLAIN)])
def test_behind_a_procedure_of_another_mode(connect: Connector, mode: str, other: str) -> None:
    """Its OK has the flags of the mode in which it was created."""
    connection = connect()
    set_mode(connection, other)
    create(connection, "PROCEDURE does_nothing() DO 1")
    set_mode(connection, mode)
    assert connection.escape_string(TEXT) == ESCAPED[mode]
    for _ in range(2):
        connection.cursor().callproc("does_nothing")
        assert connection.escape_string(TEXT) == ESCAPED[mode]
        assert ask(connection, f"SELECT '{connection.escape_string(TEXT)}'") == TEXT


@pytest.mark.parametrize("mode", [PLAIN, NO_ESCAPES])
def test_another_cursors_rows_are_read_first(connect: Connector, mode: str) -> None:
    connection = connect()
    set_mode(connection, mode)
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_3")
        with pytest.raises(InterfaceError, match=r"^Commands out of sync") as caught:
            connection.escape_string(TEXT)
        assert caught.value.errno == 2014
        assert cursor.fetchall() == [(1,), (2,), (3,)]
        assert connection.escape_string(TEXT) == ESCAPED[mode]


@pytest.mark.parametrize("mode", [PLAIN, NO_ESCAPES])
def test_a_lost_connection_can_be_asked_no_more(connect: Connector, mode: str) -> None:
    """What is known for sure needs none."""
    known, doubtful, observer = connect(), connect(), connect()
    for connection in (known, doubtful):
        set_mode(connection, mode)
    assert known.escape_string(TEXT) == ESCAPED[mode]
    kill(observer, known, doubtful)
    assert known.escape_string(TEXT) == ESCAPED[mode]
    for _ in range(2):
        with pytest.raises(LostConnectionError):
            doubtful.escape_string(TEXT)


def kill(observer: Connection, *connections: Connection) -> None:
    """End connections, and wait until the server has hung up."""
    deadline = time.monotonic() + PATIENCE
    for connection in connections:
        number = connection.connection_id
        observer.kill(number)
        while ask(observer, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", (number,)):
            assert time.monotonic() < deadline
