from __future__ import annotations

from mariadb_protocol import Prepared
from tests.support.scripts import (
    Script,
    call,
    client,
    column,
    in_turn,
    ok,
    replay_all_ways,
    result,
    result_set,
    row,
    server,
)


def test_a_statement_is_sent_as_it_is() -> None:
    statement = b"SELECT '\0\xff'; -- ?"
    steps = [client(b"\x03" + statement), server(ok(1))]
    replay_all_ways(Script("bytes", call("query", statement), steps, ("ok", 1, 0, 2, 0, b"")))


def test_nothing_is_left_of_a_prepared_statement() -> None:
    """Rows are in the text protocol again, and are not taken for those of an execution that had none."""
    statement = Prepared(7, 0, None)
    both = in_turn(call("execute", statement, ()), call("query", b"SELECT 1"))
    executed = b"\x17" + b"\7\0\0\0" + b"\0" + b"\1\0\0\0"
    rows = result([column(b"n", 3)], [row(b"1")])
    steps = [client(executed), server(ok()), client(b"\x03SELECT 1"), ("server", rows)]
    replay_all_ways(Script("text", both, steps, [("ok", 0, 0, 2, 0, b""), result_set(["n"], [(1,)])]))
    assert statement.metadata is None
