"""Results and rows of a cursor, against byte scripts."""

from __future__ import annotations

import gc
import weakref

import pytest

from mariadb_protocol import ConnectionClosed, LimitExceeded, State
from mariadb_protocol.constants import Status
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.core.cursor import CursorCore
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.rows import dictionary_rows, named_rows
from mariadb_py.exceptions import IntegrityError, LostConnectionError, OperationalError, ProgrammingError
from tests.support.scripts import (
    HANGS_UP,
    Peer,
    client,
    column,
    drive,
    end,
    err,
    lenenc,
    ok,
    packets,
    ready_session,
    result,
    row,
    server,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mariadb_protocol.events import Command
    from tests.support.scripts import Step

MORE = Status.MORE_RESULTS_EXISTS
ONE = column(b"a", 3, 63)
QUERY = client(b"\x03SELECT a")


def cursor(buffered: bool = True, factory: Any = None) -> CursorCore:
    connection = ConnectionCore(ConnectOptions.from_keywords({}), no_file)
    session = ready_session()
    connection.session.greeting, connection.session.capabilities = session.greeting, session.capabilities
    connection.session.state = session.state
    return CursorCore(connection, buffered, factory)


def no_file(name: bytes) -> Iterator[bytes]:
    raise AssertionError(name)


def play(operation: Command[Any], *steps: Step) -> Any:
    peer = Peer(steps)
    try:
        return drive(operation, peer, 1000)
    finally:
        assert not peer.left


def run(made: CursorCore, *steps: Step, sql: str = "SELECT a", data: Any = None) -> None:
    play(made.execute(sql, data), *steps)


def rows(*values: bytes, status: int = 0, warnings: int = 0) -> Step:
    return "server", result([ONE], [row(value) for value in values], end(status, warnings))


def head(*values: bytes) -> Step:
    """A result set of which these rows have arrived so far; the next packet has number 3 + their number."""
    return "server", packets(1, lenenc(1), ONE, *map(row, values))


def state(made: CursorCore) -> tuple[Any, ...]:
    names = made.columns.names if made.columns else None
    return names, made.rowcount, made.lastrowid, made.rownumber, made.warnings


def test_a_new_cursor() -> None:
    made = cursor()
    assert state(made) == (None, -1, None, None, 0)
    assert not made.lacks(1)
    assert made.take(-1) == []
    assert made.statement is None


def test_a_buffered_result() -> None:
    made = cursor()
    run(made, QUERY, rows(b"1", b"2", b"3", warnings=2))
    assert state(made) == (("a",), 3, None, 0, 2)
    assert not made.lacks(-1)
    assert (made.take_one(), made.rownumber) == ((1,), 1)
    assert (made.take(1), made.rownumber) == ([(2,)], 2)
    assert (made.take(5), made.rownumber) == ([(3,)], 3)
    assert (made.take_one(), made.take(-1)) == (None, [])
    assert state(made) == (("a",), 3, None, 3, 2)


def test_a_statement_without_a_result_set() -> None:
    made = cursor()
    run(made, QUERY, server(ok(3, 41, status=0, warnings=1)))
    assert state(made) == (None, 3, 41, None, 1)
    run(made, QUERY, rows(b"1"))
    assert made.lastrowid == 41  # survives a SELECT
    run(made, QUERY, server(ok(0, 0, status=0)))
    assert state(made) == (None, 0, None, None, 0)


def test_an_error_forgets_the_result_before() -> None:
    made = cursor()
    run(made, QUERY, rows(b"1"))
    with pytest.raises(IntegrityError, match=r"^dup$"):
        run(made, QUERY, server(err(1062, b"dup", b"23000")))
    assert state(made) == (None, -1, None, None, 0)
    assert made.take(-1) == []


def test_a_statement_that_is_wrong_leaves_the_result_before() -> None:
    made = cursor()
    run(made, QUERY, rows(b"1"))
    with pytest.raises(TypeError):
        run(made, sql=None)  # type: ignore[arg-type]
    assert made.take(-1) == [(1,)]
    assert made.statement == "SELECT a"


def test_an_error_behind_rows() -> None:
    made = cursor()
    with pytest.raises(OperationalError, match=r"^late$"):
        run(made, QUERY, ("server", result([ONE], [row(b"1")], err(1242, b"late"))))
    assert state(made) == (None, -1, None, None, 0)
    assert made.connection.idle


@pytest.mark.parametrize(
    ("factory", "expected"),
    [(None, (1, 2)), (dictionary_rows, {"a": 2}), (named_rows, (1, 2))],
)
def test_row_factories(factory: Any, expected: object) -> None:
    made = cursor(factory=factory)
    run(made, QUERY, ("server", result([ONE, ONE], [row(b"1", b"2")], end(0))))
    (got,) = made.take(-1)
    assert got == expected
    if factory is named_rows:
        assert repr(got) == "mariadb.Row(a=1, a_1=2)"


@pytest.mark.parametrize(
    ("before", "target", "after"),
    [(0, 0, [(1,), (2,)]), (2, 0, [(1,), (2,)]), (2, 1, [(2,)]), (0, 1, [(2,)])],
)
def test_seek(before: int, target: int, after: list[Any]) -> None:
    made = cursor()
    run(made, QUERY, rows(b"1", b"2"))
    made.take(before)
    made.seek(target)
    assert made.rownumber == target
    assert made.take(-1) == after


@pytest.mark.parametrize("target", [-1, 2, 3])
def test_seek_outside(target: int) -> None:
    made = cursor()
    run(made, QUERY, rows(b"1", b"2"))
    with pytest.raises(ProgrammingError, match=f"^row {target} is outside of the result of 2 rows$"):
        made.seek(target)
    assert made.rownumber == 0


# Several results

CALL: tuple[Step, ...] = (
    QUERY,
    rows(b"1", status=MORE),
    ("server", result([column(b"b", 3, 63)], [row(b"2"), row(b"3")], end(MORE), sequence=5)),
    ("server", packets(10, ok(4, 9, status=0))),
)


@pytest.mark.parametrize("buffered", [True, False])
def test_several_results(buffered: bool) -> None:
    made = cursor(buffered)
    run(made, *CALL)
    assert made.connection.idle is buffered
    assert made.columns is not None and made.columns.names == ("a",)
    assert made.take(-1) == [(1,)]
    assert play(made.next_set()) is True
    assert made.columns.names == ("b",)
    assert (made.take_one(), made.rowcount, made.rownumber) == ((2,), 2 if buffered else 1, 1)
    assert play(made.next_set()) is True
    assert state(made) == (None, 4, 9, None, 0)
    assert play(made.next_set()) is False
    assert state(made) == (None, -1, 9, None, 0)
    assert play(made.next_set()) is False
    assert made.connection.idle
    assert not made.streaming


@pytest.mark.parametrize(("limit", "kept"), [(17, True), (16, False)])
def test_results_are_counted(limit: int, kept: bool) -> None:
    """A result set counts for eight and the OK for one; unbuffered ones are not kept."""
    made = cursor(True)
    made.connection.session.limits.results = limit
    if kept:
        run(made, *CALL)
        assert made.connection.idle
    else:
        with pytest.raises(LimitExceeded, match="results is 16, the server sent 17"):
            run(made, *CALL)
        assert made.connection.session.broken
    every = cursor(True)  # as executemany() reads them, row by row
    every.connection.session.limits.results = limit
    if kept:
        assert len(play(every.answers(b"SELECT a", ()), *CALL)) == 3
    else:
        with pytest.raises(LimitExceeded, match="results is 16, the server sent 17"):
            play(every.answers(b"SELECT a", ()), *CALL)
    other = cursor(False)
    other.connection.session.limits.results = 0
    run(other, *CALL[:2])


@pytest.mark.parametrize("buffered", [True, False])
def test_an_error_in_the_second_result(buffered: bool) -> None:
    made = cursor(buffered)
    run(made, QUERY, rows(b"1", status=MORE), ("server", packets(5, err(1644, b"boo", b"45000"))))
    assert made.take(-1) == [(1,)]
    with pytest.raises(OperationalError, match=r"^boo$"):
        play(made.next_set())
    assert play(made.next_set()) is False
    assert state(made) == (None, -1, None, None, 0)
    assert made.connection.idle


def test_the_next_statement_forgets_results_behind() -> None:
    made = cursor()
    run(made, *CALL)
    run(made, QUERY, rows(b"7"))
    assert made.take(-1) == [(7,)]
    assert play(made.next_set()) is False


# Unbuffered


def test_rowcount_grows_with_what_is_fetched() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1", b"2"))
    assert (made.rowcount, made.rownumber, made.streaming) == (0, 0, True)
    assert not made.lacks(2)
    assert (made.take_one(), made.rowcount, made.rownumber) == ((1,), 1, 1)
    assert made.lacks(2)
    play(made.fill(2), ("server", packets(5, row(b"3"), row(b"4"))))
    assert (made.take(2), made.rowcount, made.rownumber) == ([(2,), (3,)], 3, 3)
    assert made.lacks(-1)
    play(made.fill(-1), ("server", packets(7, row(b"5"), end(0))))
    assert (made.take(-1), made.rowcount, made.rownumber) == ([(4,), (5,)], 5, 5)
    assert not made.lacks(1)
    assert not made.streaming
    assert made.connection.idle


def test_more_is_asked_for_than_there_is() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    play(made.fill(100), ("server", packets(4, row(b"2"), end(0))))
    assert made.take(100) == [(1,), (2,)]
    assert (made.rowcount, made.streaming) == (2, False)
    assert made.take_one() is None


def test_the_end_is_not_seen_before_it_is_fetched() -> None:
    """All rows have arrived and were fetched; that there are no more is not known to the user."""
    made = cursor(False)
    run(made, QUERY, rows(b"1"))
    assert made.take(1) == [(1,)]
    assert made.streaming
    assert made.take_one() is None
    assert not made.streaming


def test_next_set_skips_rows() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    operation = made.next_set()
    assert play(operation, ("server", packets(4, row(b"2"), end(MORE), ok(5, status=0)))) is True
    assert (made.columns, made.rowcount) == (None, 5)


def test_next_set_without_another() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    assert play(made.next_set(), ("server", packets(4, row(b"2"), end(0)))) is False
    assert state(made)[:2] == (None, -1)
    assert not made.streaming


def test_next_set_behind_rows_that_end_in_an_error() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    with pytest.raises(OperationalError, match=r"^late$"):
        play(made.next_set(), ("server", packets(4, row(b"2"), err(1242, b"late"))))
    assert play(made.next_set()) is False
    assert made.connection.idle


def test_next_set_of_a_lost_connection() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    made.connection.session.fail(ValueError())
    for _ in range(2):
        with pytest.raises(LostConnectionError, match=r"^Server has gone away"):
            play(made.next_set())


@pytest.mark.parametrize("rest", [(row(b"2"), end(0)), (row(b"2"), err(1317, b"killed"))])
def test_finish_reads_and_forgets(rest: tuple[bytes, ...]) -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    play(made.finish(), ("server", packets(4, *rest)))
    assert state(made)[:2] == (None, -1)
    assert made.connection.idle
    play(made.finish())


def test_finish_of_a_lost_connection_needs_no_network() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    made.connection.session.fail(ValueError())
    play(made.finish())
    assert not made.streaming


def test_an_error_among_rows_that_are_streamed() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    with pytest.raises(OperationalError, match=r"^late$"):
        play(made.fill(-1), ("server", packets(4, row(b"2"), err(1242, b"late"))))
    assert state(made)[:2] == (None, -1)
    assert made.connection.idle
    assert not made.streaming


def test_a_connection_that_is_lost_among_rows() -> None:
    made = cursor(False)
    run(made, QUERY, head(b"1"))
    with pytest.raises(ConnectionClosed):
        play(made.fill(-1), ("server", packets(4, row(b"2"))), HANGS_UP)
    with pytest.raises(LostConnectionError, match=r"^Server has gone away"):
        play(made.fill(1))


def test_rows_that_were_read_and_not_kept_are_not_skipped_over() -> None:
    def fails(columns: object, rows: list[Any]) -> list[Any]:
        if (2,) in rows:
            raise KeyboardInterrupt
        return rows

    made = cursor(False, fails)
    run(made, QUERY, head(b"1"))
    with pytest.raises(KeyboardInterrupt):
        play(made.fill(2), ("server", packets(4, row(b"2"))))
    assert made.columns is None
    assert made.connection.session.state == State.STREAMING
    play(made.connection.claim(None), ("server", packets(5, row(b"3"), end(0))))
    assert made.connection.idle


def test_a_cursor_is_not_kept_alive_by_its_connection() -> None:
    made = cursor(False)
    connection = made.connection
    run(made, QUERY, head(b"1"))
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None
    play(connection.ping(), ("server", packets(4, end(0))), client(b"\x0e"), server(ok()))


# Labels


@pytest.mark.parametrize(
    ("statement", "label"),
    [
        ("SELECT 1", "'SELECT 1'"),
        (b"SELECT \xff", "'SELECT \ufffd'"),
        ("x" * 60, repr("x" * 60)),
        ("x" * 61, repr("x" * 57 + "...")),
        (None, "'None'"),
    ],
)
def test_label(statement: str | bytes | None, label: str) -> None:
    made = cursor()
    made.statement = statement
    assert made.label() == label
