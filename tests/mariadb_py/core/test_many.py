"""executemany() where the server has no bulk execution, against byte scripts; with bulk it is tested on a server."""

from __future__ import annotations

import pytest

from mariadb_protocol.constants import Capability
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.core.cursor import CursorCore
from mariadb_py.core.many import execute_many
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import IntegrityError, NotSupportedError, ProgrammingError
from mariadb_py.io.localfile import read_file
from tests.support.script_binary import binary_row, execute_fields, prepared
from tests.support.scripts import Peer, client, column, drive, end, err, ok, ready_session, result, server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tests.support.scripts import Step

INSERT = "INSERT ?"
ONE = column(b"a", 3, 63)
PREPARE = (client(b"\x16INSERT ?"), server(prepared(7, 0, 1), ONE))


def cursor(buffered: bool = True) -> CursorCore:
    connection = ConnectionCore(ConnectOptions.from_keywords({"pipeline": False}), read_file)
    session = ready_session()
    assert not session.negotiated(Capability.MARIADB_BULK)
    connection.session.greeting, connection.session.capabilities = session.greeting, session.capabilities
    connection.session.state = session.state
    return CursorCore(connection, buffered, None)


def play(made: CursorCore, rows: Iterable[Any], *steps: Step, unit_results: bool = False) -> None:
    peer = Peer(steps)
    try:
        drive(execute_many(made, INSERT, rows, unit_results), peer, 1000)
    finally:
        assert not peer.left


def executes(value: int) -> Step:
    return "client", lambda data: execute_fields(data[4:], 1)["values"] == [value]


def inserts(*outcomes: bytes) -> list[Step]:
    """Each row in a round trip of its own, by one prepared statement."""
    return [*PREPARE, *(step for number, data in enumerate(outcomes) for step in (executes(number), server(data)))]


def test_results_add_up() -> None:
    made = cursor()
    outcomes = ok(1, 7, status=0), ok(2, 8, status=0), ok(0, 0, status=0)
    play(made, ((number,) for number in range(3)), *inserts(*outcomes))
    assert (made.rowcount, made.lastrowid, made.statement, made.parameters) == (3, 7, INSERT, 1)


@pytest.mark.parametrize("nothing", [[], (), iter(())])
def test_no_rows(nothing: Iterable[Any]) -> None:
    made = cursor()
    with pytest.raises(ProgrammingError, match=r"^No data provided$"):
        play(made, nothing)
    assert (made.columns, made.rowcount, made.lastrowid) == (None, -1, None)


def test_nothing_behind_a_row_that_fails_is_sent() -> None:
    made = cursor()
    with pytest.raises(IntegrityError, match=r"^dup$") as caught:
        play(made, [(0,), (1,), (2,)], *inserts(ok(1, status=0), err(1062, b"dup", b"23000")))
    assert caught.value.rows_done == 1
    assert made.connection.idle


@pytest.mark.parametrize("buffered", [True, False])
def test_rows_that_come_back_are_one_result(buffered: bool) -> None:
    made = cursor(buffered)
    answers = [("server", result([ONE], [binary_row(b"%c\0\0\0" % value)], end(0))) for value in (1, 2)]
    play(made, [(0,), (1,)], *PREPARE, executes(0), answers[0], executes(1), answers[1])
    assert made.take(-1) == [(1,), (2,)]
    assert made.rowcount == 2


def test_results_of_each_row_need_a_server_that_has_them() -> None:
    with pytest.raises(NotSupportedError, match=r"^results of each row need placeholders, and MariaDB 11\.5 or later$"):
        play(cursor(), [(0,)], unit_results=True)
