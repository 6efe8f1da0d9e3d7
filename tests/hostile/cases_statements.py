"""Hostile answers where several commands belong together: prepared statements, cursors, bulks, more results, pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mariadb_protocol.constants import Capability, Status
from mariadb_protocol.constants import FieldType as F
from mariadb_py import IntegrityError, LostConnectionError, OperationalError, ProgrammingError
from tests.hostile.table import (
    BINARY,
    BORROW_AGAIN,
    CAPABILITIES,
    LOGIN,
    MANY,
    PLAYED,
    PREPARED,
    QUERY,
    SERVER_SIDE,
    UNBUFFERED,
    Case,
    answers,
    cursor,
    execute,
    executes_raw,
    login,
    open_cursor,
)
from tests.support.rogue import Close, Expect, HalfClose, Raw, Send, Sleep
from tests.support.script_binary import binary_row, prepared
from tests.support.scripts import column, end, err, lenenc, ok, packets, result, row, text

if TYPE_CHECKING:
    from mariadb_py import Error
    from tests.hostile.table import Call
    from tests.support.rogue import Step

MORE = 2 | Status.MORE_RESULTS_EXISTS
SYNTAX = err(1064, b"You have an error in your SQL syntax")
ROWS = result([column()], [binary_row(text(b"x"))])
ONE_COLUMN = packets(1, prepared(7, 1), column())


def _prepares(name: str, *pieces: bytes, match: str, client: tuple[Call, ...] = BINARY) -> Case:
    """Bytes that answer COM_STMT_PREPARE and COM_STMT_EXECUTE, which were sent at once."""
    return Case(name, executes_raw(*pieces), match, client, errno=2027)


ALONE = (open_cursor(prepared=True), execute("SELECT ?", (1,)))
CACHED = login(CAPABILITIES | Capability.MARIADB_CACHE_METADATA)

PREPARES = (
    _prepares("a prepared statement in wrong order", packets(2, prepared(7)), match="sequence id 2, expected 1"),
    _prepares("a prepared statement of 0 bytes", packets(1, b""), match="malformed answer to COM_STMT_PREPARE of 0"),
    _prepares(
        "a prepared statement that is cut", packets(1, prepared(7)[:-1]), match="malformed answer to COM_STMT_PR"
    ),
    _prepares("a prepared statement with junk", packets(1, prepared(7) + b"j"), match="has 1 bytes after its last fie"),
    _prepares("a prepared statement that is rows", packets(1, lenenc(1)), match="PREPARE of 1 bytes: begins with 0x01"),
    _prepares(
        "a prepared statement that is an OK", packets(1, ok()), match="malformed answer to COM_STMT_PREPARE of 7"
    ),
    _prepares("a prepared statement that is a file", packets(1, b"\xfb/etc/passwd"), match="begins with 0xfb"),
    _prepares(
        "columns of a statement in wrong order", packets(1, prepared(7, 1)), packets(3, column()), match="expected 2"
    ),
    _prepares(
        "fewer columns than a statement has", packets(1, prepared(7, 2), column()), ROWS, match="id 1, expected 3"
    ),
    _prepares("more columns than a statement has", packets(1, prepared(7), column()), ROWS, match="id 2, expected 1"),
    _prepares("parameters that a statement has not", packets(1, prepared(7, 0, 2)), ROWS, match="id 1, expected 2"),
    _prepares(
        "a column of a statement that is an end", packets(1, prepared(7, 1), end()), match="malformed column def"
    ),
    _prepares(
        "an answer of a statement in wrong order", ONE_COLUMN, packets(3, ok()), match="sequence id 3, expected 1"
    ),
    _prepares(
        "a statement that is not prepared, and executed",
        packets(1, SYNTAX) + packets(1, ok()),
        match="the statement could not be prepared, and was executed all the same",
    ),
    Case(
        "columns of a statement that do not come",
        executes_raw(packets(1, prepared(7, 65535), column())),
        "Lost connection .*read_timeout",
        BINARY,
        LostConnectionError,
        options={"read_timeout": 0.2},
    ),
    Case(
        "more columns in a statement than the limit",
        executes_raw(packets(1, prepared(7, 11))),
        "columns is 10, the server sent 11",
        BINARY,
        options={"limits": {"columns": 10}},
    ),
    Case(
        "parameters of a statement beyond the limit of columns",
        executes_raw(packets(1, prepared(7, 0, 11), *[column()] * 11), packets(1, ok())),
        client=BINARY,
        raises=None,
        options={"limits": {"columns": 10}},
        ready=True,
    ),
    Case(
        "a syntax error",
        executes_raw(packets(1, SYNTAX) * 2),
        "error in your SQL",
        BINARY,
        ProgrammingError,
        ready=True,
    ),
    Case(
        "other columns than were prepared",
        executes_raw(ONE_COLUMN, result([column(kind=F.TINY), column()], [binary_row(b"\5", text(b"y"))])),
        client=(*BINARY, cursor("fetchall")),
        raises=None,
        answer=[(5, "y")],
        ready=True,
    ),
    Case(
        "rows of a statement that has none",
        executes_raw(packets(1, prepared(7)), ROWS),
        client=(*BINARY, cursor("fetchall")),
        raises=None,
        answer=[("x",)],
        ready=True,
    ),
    Case(
        "a statement with fewer parameters than it has",
        (*LOGIN, Expect(b"\x16SELECT ?"), Send(prepared(7))),
        "^the statement has 0 placeholders, not 1$",
        ALONE,
        ProgrammingError,
        ready=True,
    ),
    Case(
        "column definitions that are left out, and are others",
        (*CACHED, *PREPARED, Raw(packets(1, prepared(7, 2), column(), column()) + packets(1, b"\1\0", end()))),
        "1 column definitions are left out, and they are not known",
        BINARY,
    ),
    Case(
        "column definitions that are left out of a query",
        (*CACHED, Expect(b"\x03SELECT 1"), Send(b"\1\0", end())),
        "1 column definitions are left out, and they are not known",
        QUERY,
    ),
    Case(
        "a column count without word of the definitions",
        (*CACHED, Expect(b"\x03SELECT 1"), Send(b"\1", column(), end())),
        "malformed column count of 1 bytes: wants 1 byte at offset 1",
        QUERY,
    ),
)

# Server-side cursors

OPEN = 2 | Status.CURSOR_EXISTS
SERVED = (
    *LOGIN,
    Expect(b"\x16"),
    Send(prepared(7, 1), column()),
    Expect(b"\x17"),
    Send(lenenc(1), column(), end(status=OPEN)),
)
X = binary_row(text(b"x"))
FETCH = (*SERVER_SIDE, cursor("fetchall"))


def _fetches(name: str, *steps: Step, match: str, errno: int = 2027, ready: bool = False) -> Case:
    """Answers to COM_STMT_FETCH."""
    script = (*SERVED, Expect(b"\x1c"), *steps)
    return Case(name, script, match, FETCH, errno=errno, ready=ready)


FETCHES = (
    _fetches("more rows than are fetched", Send(X, X, X, end(status=OPEN)), match="2 rows were asked for, .* sent 3"),
    _fetches("fetched rows in wrong order", Send(X, sequence=2), match="sequence id 2, expected 1"),
    _fetches("an OK for a fetch", Send(ok()), match="row 1"),
    _fetches("a result set for a fetch", Raw(ROWS), match=r"row 1 begins with b'\\x01'"),
    _fetches("a local file for a fetch", Send(b"\xfb/etc/passwd"), match=r"row 1 begins with b'\\xfb'"),
    _fetches("nothing for a fetch", Send(b""), match="row 1 begins with b''"),
    _fetches("an error for a fetch", Send(err(1243, b"gone")), match="^gone$", errno=1243, ready=True),
    _fetches("the end of the stream in a fetch", Send(X), HalfClose(), match="Lost connection", errno=2013),
    _fetches(
        "fetches that bring nothing, without end",
        Send(end(status=OPEN)),
        match="a cursor that is not at its end, and has no rows",
    ),
    Case(
        "a cursor without columns",
        (*LOGIN, Expect(b"\x16"), Send(prepared(7)), Expect(b"\x17"), Send(ok(status=OPEN))),
        "Cursor doesn't have a result set",
        FETCH,
        ProgrammingError,
        ready=True,
    ),
)

# Bulks, procedures, more results

FIRST = packets(1, prepared(7, 0, 1), column()) + packets(1, ok())
BULK = login(CAPABILITIES | Capability.MARIADB_BULK)
READY = (Expect(b"\x16"), Send(prepared(7, 0, 1), column()), Expect(b"\xfa"))
CALL = (cursor("callproc", "p", (1,)),)


def _bulk(name: str, *steps: Step, match: str, raises: type[Error] = OperationalError, ready: bool = False) -> Case:
    """Answers to COM_STMT_BULK_EXECUTE."""
    return Case(name, (*BULK, *READY, *steps), match, (MANY,), raises, ready=ready)


MANIFOLD = (
    _bulk("a bulk in wrong order", Send(ok(), sequence=2), match="sequence id 2, expected 1"),
    _bulk("a bulk that is answered by a file", Send(b"\xfb/etc/passwd"), match="local file"),
    _bulk("a bulk that is answered by nothing", Send(b""), match="malformed column count of 0 bytes"),
    _bulk("a bulk that is answered by columns", Send(lenenc(1), column()), HalfClose(), match="Lost connection"),
    _bulk(
        "a bulk that is refused",
        Send(err(1062, b"Duplicate entry")),
        match="^Duplicate",
        raises=IntegrityError,
        ready=True,
    ),
    Case(
        "more results behind a bulk",
        (*BULK, *READY, Send(ok(status=MORE), ok())),
        client=(MANY,),
        raises=None,
        ready=True,
    ),
    Case(
        "an answer to one row of many in wrong order",
        (*LOGIN, *PREPARED, Raw(FIRST), Expect(b"\x17"), Send(ok(), sequence=5)),
        "sequence id 5, expected 1",
        (MANY,),
    ),
    Case(
        "rows of text from a procedure",
        executes_raw(packets(1, prepared(7, 0, 1), column()), result([column()], [row(b"x")])),
        r"row 1 begins with b'\\x01'",
        CALL,
    ),
    Case(
        "a result of a procedure in wrong order",
        executes_raw(packets(1, prepared(7, 0, 1), column()), packets(1, ok(status=MORE)), packets(9, ok())),
        "sequence id 9, expected 2",
        CALL,
    ),
    Case(
        "an error as the second result",
        answers(ok(status=MORE), SYNTAX),
        "error in your SQL",
        (execute(), cursor("nextset")),
        ProgrammingError,
        ready=True,
    ),
    Case(
        "an error as the second result, unbuffered",
        answers(ok(status=MORE), SYNTAX),
        "error in your SQL",
        (*UNBUFFERED, cursor("nextset")),
        ProgrammingError,
        ready=True,
    ),
    Case(
        "a second result of junk, unbuffered",
        answers(ok(status=MORE), b"\xfd"),
        "malformed column count of 1 bytes",
        (*UNBUFFERED, cursor("nextset")),
    ),
    Case(
        "a thousand empty result sets",
        answers(*[lenenc(1), column(), end(status=MORE)] * 1000, ok()),
        client=QUERY,
        raises=None,
        ready=True,
    ),
)

# Pools

ASKS = Expect(b"\x03SELECT @@wait_timeout")  # what a pool wants to know of a connection that it has opened
LEARNED = (*LOGIN, ASKS, Send(ok(status=0)))
PINGED = (*LEARNED, Expect(b"\x0e"))


def _replaced(name: str, *steps: Step, client: tuple[Call, ...] = (), reset: bool = False) -> Case:
    """A pool's connection that must not be given out: another one takes its place."""
    options = {"pool_reset_connection": reset, "connect_timeout": 0.5}
    return Case(name, steps, client=client, raises=None, ready=True, further=(LEARNED,), pool=True, options=options)


POOLS = (
    _replaced("junk for the ping of a pool", *PINGED, Raw(b"junk" * 9)),
    _replaced("rows for the ping of a pool", *PINGED, Raw(ROWS)),
    _replaced("an answer ahead of the ping of a pool", *LOGIN, ASKS, Raw(packets(1, ok(status=0)) + packets(1, ok()))),
    _replaced("two answers to the ping of a pool", *PINGED, Send(ok(), ok()), client=(BORROW_AGAIN,)),
    _replaced(
        "an answer that comes while a connection is idle",
        *(*PINGED, Send(ok()), Sleep(0.05), Send(ok()), Sleep(0.05)),
        client=(PLAYED, BORROW_AGAIN),
    ),
    _replaced(
        "the end of the stream while a connection is idle",
        *(*PINGED, Send(ok()), Close()),
        client=(PLAYED, BORROW_AGAIN),
    ),
    _replaced(
        "junk for the reset of a pool",
        *(*PINGED, Send(ok()), Expect(b"\x1f"), Raw(b"junk" * 9)),
        client=(BORROW_AGAIN,),
        reset=True,
    ),
    _replaced(
        "an error for the reset of a pool",
        *(*PINGED, Send(ok()), Expect(b"\x1f"), Send(err(1047, b"unknown command"))),
        client=(BORROW_AGAIN,),
        reset=True,
    ),
)

CASES = (*PREPARES, *FETCHES, *MANIFOLD, *POOLS)
