"""Hostile answers to statements and simple commands: OK, ERR, column definitions, and what stands between results."""

from __future__ import annotations

from mariadb_protocol.constants import Status
from mariadb_py import InterfaceError, LostConnectionError, ProgrammingError
from tests.hostile.table import (
    ASKED,
    BEGUN,
    FETCH_ALL,
    LOGIN,
    LOGIN_OLD,
    MANY,
    PING,
    PLAYED,
    QUERY,
    UNBUFFERED,
    Case,
    answers,
    answers_raw,
    compressed,
    connection,
    cursor,
    execute,
    open_cursor,
)
from tests.support.rogue import Drip, Expect, Generate, HalfClose, Raw, Reset, Send, Sleep, StopReading, frame
from tests.support.scripts import column, end, eof, err, lenenc, ok, packets, result, row, text, uint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hostile.table import Call
    from tests.support.rogue import Step

MORE = 2 | Status.MORE_RESULTS_EXISTS
CHANGED = 2 | Status.SESSION_STATE_CHANGED
ONE = result([column()], [row(b"x")])
SLOW = {"read_timeout": 0.2}


def _answers(name: str, *payloads: bytes, match: str, sequence: int = 1, client: tuple[Call, ...] = QUERY) -> Case:
    """An answer to a statement, as packets."""
    return Case(name, answers(*payloads, sequence=sequence), match, client)


def _raw(name: str, *pieces: bytes, match: str, client: tuple[Call, ...] = QUERY) -> Case:
    """An answer to a statement, as bytes."""
    return Case(name, answers_raw(*pieces), match, client)


def _lost(name: str, *steps: Step, match: str = "Lost connection", client: tuple[Call, ...] = QUERY) -> Case:
    """A connection that is lost in the middle of an answer."""
    return Case(name, (*LOGIN, ASKED, *steps), match, client, LostConnectionError, options=SLOW, cut=True)


PACKETS = (
    _answers("an empty answer", b"", match="malformed column count of 0 bytes"),
    _answers("an OK of 1 byte", b"\0", match="malformed OK packet of 1 bytes: wants 1 byte"),
    _answers("an OK without warnings", b"\0\0\0\2\0", match="malformed OK packet of 5 bytes: wants 2 bytes"),
    _answers("junk in an OK", ok(tail=b"\0junk"), match="malformed OK packet of 12 bytes: has 4 bytes after its last"),
    _answers("an OK with a text that is longer", ok(tail=b"\x09junk"), match="malformed OK .* wants 9 bytes"),
    _answers("0xFF in the place of a number", b"\0\xff\0\2\0\0\0", match="malformed OK .* has 0xff at offset 1"),
    _answers("0xFB in the place of a number", b"\0\xfb\0\2\0\0\0", match="malformed OK .* has 0xfb at offset 1"),
    _answers(
        "junk as session state", ok(status=CHANGED, tail=b"\0\4\xff\xff\xff\xff"), match="0xff at offset 1 in the"
    ),
    _answers(
        "session state without end", ok(status=CHANGED, tail=b"\0\xfe" + b"\xff" * 8), match="malformed OK packet"
    ),
    _answers(
        "a session variable without value",
        ok(status=CHANGED, tail=b"\0" + text(b"\0" + text(text(b"autocommit")))),
        match="malformed session-state entry of 11 bytes: wants 1 byte",
    ),
    _answers("an error of 1 byte", b"\xff", match="malformed ERR packet of 1 bytes: wants 2 bytes"),
    _answers("an error of 2 bytes", b"\xff\1", match="malformed ERR packet of 2 bytes: wants 2 bytes"),
    _answers("a progress report", err(0xFFFF, b"\1\1\1\0\0\0\0"), match="progress report, which this client did not"),
    Case(
        "an error with text that is none",
        answers(err(1064, b"\xff\xfe\0\x1b[31m")),
        r"^\\xff\\xfe\x00\x1b\[31m$",
        QUERY,
        ProgrammingError,
        errno=1064,
        ready=True,
    ),
    Case("an error number of 0", answers(err(0, b"none")), "^none$", QUERY, InterfaceError, ready=True),
    _answers("an EOF in the place of an answer", eof(), match="malformed column count of 5 bytes"),
    _answers("a switch of plugins in the place of an answer", b"\xfemysql_clear_password\0", match="column count"),
    _answers("a greeting in the place of an answer", b"\x0a5.5.5-10.11.6-MariaDB\0", match="malformed column count"),
)

ORDER = (
    _answers("an OK in wrong order", ok(), sequence=2, match="sequence id 2, expected 1"),
    _answers("an error in wrong order", err(1064, b"e"), sequence=2, match="sequence id 2, expected 1"),
    _answers("a result set in wrong order", lenenc(1), column(), sequence=2, match="sequence id 2, expected 1"),
    _raw("a column in wrong order", packets(1, lenenc(1)), packets(3, column()), match="id 3, expected 2"),
    _raw("the same sequence id again", packets(1, lenenc(1)), packets(1, column()), match="id 1, expected 2"),
    _raw("a row in wrong order", packets(1, lenenc(1), column()), packets(5, row(b"x"), end()), match="5, expected 3"),
    _raw(
        "the second row in wrong order",
        packets(1, lenenc(1), column(), row(b"x")),
        packets(3, row(b"y"), end()),
        match="sequence id 3, expected 4",
    ),
    _raw("an end in wrong order", packets(1, lenenc(1), column()), packets(4, end()), match="id 4, expected 3"),
    Case(
        "the EOF behind the columns in wrong order",
        (*LOGIN_OLD, ASKED, Raw(packets(1, lenenc(1), column()) + packets(9, eof(), eof()))),
        "sequence id 9, expected 3",
        QUERY,
    ),
    Case(
        "the EOF behind the rows in wrong order",
        (*LOGIN_OLD, ASKED, Raw(packets(1, lenenc(1), column(), eof()) + packets(9, eof()))),
        "sequence id 9, expected 4",
        QUERY,
    ),
    _raw("a second result in wrong order", packets(1, ok(status=MORE)), packets(1, ok()), match="id 1, expected 2"),
    Case("a ping in wrong order", (*LOGIN, Expect(b"\x0e"), Send(ok(), sequence=0)), "id 0, expected 1", PING),
)

FIVE = (b"1", b"2", b"3", b"4", b"5")
COLUMNS = (
    _answers(
        "2**64 - 1 columns", b"\xfe" + b"\xff" * 8, match="columns is 65535, the server sent 18446744073709551615"
    ),
    _answers("65,536 columns", lenenc(65536), match="columns is 65535, the server sent 65536"),
    _answers("a result set of 0 columns", b"\xfc\0\0", match="announces a result set without columns"),
    _answers(
        "a column count of 1 byte too many", b"\1\1", match="malformed column count of 2 bytes: has 1 bytes after"
    ),
    _answers("half a column count", b"\xfd\1", match="malformed column count of 2 bytes: wants 3 bytes"),
    _lost("65,535 columns that do not come", Send(lenenc(65535), column(), column()), HalfClose(), match="closed"),
    _lost("65,535 columns and silence", Send(lenenc(65535), column()), match=r"read_timeout of 0\.2 s passed"),
    _answers("a column of 0 bytes", lenenc(1), b"", match="malformed column definition of 0 bytes"),
    _answers("a column that is an EOF", lenenc(2), column(), eof(), match="malformed column definition of 5 bytes"),
    _answers("a column that is an error", lenenc(1), err(1317, b"e"), match="malformed column definition"),
    _answers("a column that is a row", lenenc(1), row(b"x"), match="malformed column definition of 2 bytes"),
    _answers("a name longer than its column", lenenc(1), b"\3def\xfc\xff\xff", match="definition of 7 .* wants 65535"),
    _answers(
        "NULL as a column name", lenenc(1), b"\xfb" + column(), match="has 0xfb at offset 0 in the place of a leng"
    ),
    _answers("junk behind a column", lenenc(1), column() + b"junk", match="has 4 bytes after its last field"),
    _answers("13 bytes of fixed fields", lenenc(1), column()[:-13] + text(bytes(13)), match="13 bytes of fixed fields"),
    _answers("extended metadata that is cut", lenenc(1), column(extended=b"\0\4uui"), match="extended column metadata"),
    _raw("columns of which one is missing", packets(1, lenenc(2), column(), end()), match="column definition of 7"),
    Case(
        "a column of each type there is not",
        answers_raw(result([column(kind=kind) for kind in range(256)], [b"\xfb" * 256])),
        client=(execute(), cursor("fetchone")),
        raises=None,
        answer=(None,) * 256,
        ready=True,
    ),
    Case(
        "255 kinds of extended metadata",
        answers_raw(result([column(extended=b"".join(uint(n, 1) + text(b"j") for n in range(255)))], [row(b"x")])),
        client=FETCH_ALL,
        raises=None,
        answer=[("x",)],
        ready=True,
    ),
    Case(
        "a column name that is no UTF-8",
        answers_raw(result([column(b"a\xff\xfe")], [row(b"x")])),
        client=(open_cursor(dictionary=True), execute(), cursor("fetchall")),
        raises=None,
        answer=[{"a\\xff\\xfe": "x"}],
        ready=True,
    ),
    Case(
        "a column name that is Python",
        answers_raw(result([column(b"x):\n  raise SystemExit\n#")], [row(b"x")])),
        client=(open_cursor(named_tuple=True), execute(), cursor("fetchall")),
        raises=None,
        answer=[("x",)],
        ready=True,
    ),
    Case(
        "column names that are names of a tuple's own",
        answers_raw(result(list(map(column, (b"__class__", b"count", b"count", b"", b"__new__"))), [row(*FIVE)])),
        client=(open_cursor(named_tuple=True), execute(), cursor("fetchall")),
        raises=None,
        answer=[("1", "2", "3", "4", "5")],
        ready=True,
    ),
)

# More, less, or something else than was asked for

NEXT = (execute(), execute("SELECT 2"))
UNASKED = "%d bytes arrived that no command asked for"
INTERRUPTED = err(1317, b"Query execution was interrupted", b"70100")
SHUTDOWN = err(1927, b"Connection was killed", b"70100")


def _more(name: str, more: bytes, *, client: tuple[Call, ...] = NEXT) -> Case:
    """Bytes behind the answer to a statement, which the next one must not take for its own."""
    return Case(name, answers_raw(packets(1, ok()), more), UNASKED % len(more), client)


STRAY = (
    _more("an OK behind an OK", packets(1, ok())),
    _more("the next sequence id behind an OK", packets(2, ok())),
    _more("one byte behind an OK", b"\7"),
    _more("a result set behind an OK", ONE),
    _more("an error in order behind an OK", packets(2, err(1064, b"e"))),
    _more("a local file behind an OK", packets(1, b"\xfb/etc/passwd")),
    _more("an answer ahead of a ping", packets(1, ok()), client=(execute(), *PING)),
    _more("an answer ahead of a reset", packets(1, ok()), client=(execute(), connection("reset"))),
    _more("an answer ahead of a commit", packets(1, ok()), client=(execute(), connection("commit"))),
    _more("an answer ahead of an executemany", packets(1, ok()), client=(execute(), MANY)),
    Case("a result set behind a result set", answers_raw(ONE, ONE), UNASKED % len(ONE), NEXT),
    Case(
        "an OK that comes later",
        (*answers_raw(packets(1, ok())), Sleep(0.05), Send(ok()), Sleep(0.05)),
        UNASKED % 11,
        (execute(), PLAYED, execute("SELECT 2")),
    ),
    Case(
        "the answer to the last statement once more, later",
        (*answers_raw(ONE), Sleep(0.05), Raw(ONE), Sleep(0.05)),
        UNASKED % len(ONE),
        (execute(), PLAYED, execute("SELECT 2")),
    ),
    Case(
        "a farewell behind an OK",
        answers_raw(packets(1, ok()), packets(0, SHUTDOWN)),
        "Lost connection .*Connection was killed",
        NEXT,
        LostConnectionError,
        errno=1927,
    ),
    Case(
        "a farewell in the place of an answer",
        answers(SHUTDOWN, sequence=0),
        "Lost connection .*Connection was killed",
        QUERY,
        LostConnectionError,
        errno=1927,
    ),
    Case(
        "a farewell among rows",
        answers_raw(packets(1, lenenc(1), column(), row(b"x")), packets(0, SHUTDOWN)),
        "Lost connection .*Connection was killed",
        QUERY,
        LostConnectionError,
        errno=1927,
    ),
    _raw("a farewell that is none", packets(1, ok()), packets(0, ok()), match=UNASKED % 11, client=NEXT),
    Case("rows for a ping", (*LOGIN, Expect(b"\x0e"), Raw(ONE)), "expected OK or ERR, the server sent 1 bytes", PING),
    Case("an EOF for a ping", (*LOGIN, Expect(b"\x0e"), Send(eof())), "expected OK or ERR, the server sent 5", PING),
    Case("nothing for a ping", (*LOGIN, Expect(b"\x0e"), Send(b"")), "expected OK or ERR, the server sent 0", PING),
    Case(
        "rows for a reset",
        (*LOGIN, Expect(b"\x1f"), Raw(ONE)),
        "expected OK or ERR, the server sent 1 bytes",
        (connection("reset"),),
    ),
    Case(
        "rows for a change of database",
        (*LOGIN, Expect(b"\2db"), Raw(ONE)),
        "expected OK or ERR, the server sent 1 bytes",
        (connection("select_db", "db"),),
    ),
    Case(
        "more results behind a ping",
        (*LOGIN, Expect(b"\x0e"), Raw(packets(1, ok(status=MORE), ok()))),
        UNASKED % 11,
        (*PING, execute()),
    ),
    Case(
        "a list of transactions of one column",
        (*LOGIN, Expect(b"\x03XA RECOVER"), Raw(ONE)),
        "XA RECOVER",
        (connection("tpc_recover"),),
        raises=InterfaceError,
        errno=2000,
        ready=True,
    ),
    Case(
        "a list of transactions of text",
        (*LOGIN, Expect(b"\x03XA RECOVER"), Raw(result([column()] * 4, [row(b"a", b"b", b"c", b"d")]))),
        "XA RECOVER",
        (connection("tpc_recover"),),
        raises=InterfaceError,
        errno=2000,
        ready=True,
    ),
)

# The same, but the connection ends, or time does

LIMIT = (*LOGIN, Expect(b"\x03SELECT @@max_allowed_packet"))
LONG = (execute("SELECT '" + "x" * (1 << 20) + "'"),)
ENDLESS_ROWS = result([column()], [row(b"x" * 250)] * 64)[:-11]


def _flood() -> Iterator[bytes]:
    sequence = 3
    yield packets(1, lenenc(1), column())
    while True:
        yield packets(sequence, *[row(b"x" * 1000)] * 64)
        sequence += 64


def _more_results() -> Iterator[bytes]:
    while True:
        yield b"".join(packets(sequence, ok(status=MORE)) for sequence in (*range(1, 256), 0))


ENDS = (
    _lost("the end of the stream in the place of an answer", HalfClose(), match="closed the connection"),
    _lost("a reset in the place of an answer", Reset()),
    _lost("silence in the place of an answer", match=r"read_timeout of 0\.2 s passed"),
    _lost("an answer of a byte per 100 ms with less patience", Drip(packets(1, ok()), 0.3), match="read_timeout"),
    _lost("a header and the end of the stream", Raw(b"\7\0\0\1"), HalfClose(), match="4 bytes into a packet"),
    _lost("a packet of 16 MiB that does not come", Raw(uint(0xFFFFFF, 3) + b"\1\0"), match="read_timeout"),
    _lost("the end of the stream behind the columns", Send(lenenc(1), column()), HalfClose(), match="closed"),
    _lost("the end of the stream in a row", Raw(ONE[:-14]), HalfClose(), match="bytes into a packet"),
    _lost("the end of the stream behind a row", Raw(ONE[:-11]), HalfClose(), match="closed"),
    _lost("a reset behind a row", Raw(ONE[:-11]), Sleep(0.02), Reset()),
    _lost("silence behind a row", Raw(ONE[:-11]), match=r"read_timeout of 0\.2 s passed"),
    _lost("the end of the stream before another result", Send(ok(status=MORE)), HalfClose(), match="closed"),
    _lost("silence before another result", Send(ok(status=MORE)), match=r"read_timeout of 0\.2 s passed"),
    _lost(
        "the end of the stream in an unbuffered result",
        Raw(ONE[:-11]),
        HalfClose(),
        client=(*UNBUFFERED, cursor("fetchall")),
    ),
    _lost(
        "silence in an unbuffered result",
        Raw(ONE[:-11]),
        match=r"read_timeout of 0\.2 s passed",
        client=(*UNBUFFERED, cursor("fetchall")),
    ),
    Case(
        "an error among rows",
        answers(lenenc(1), column(), row(b"x"), INTERRUPTED),
        "^Query execution was interrupted$",
        QUERY,
        errno=1317,
        ready=True,
    ),
    Case(
        "an error among unbuffered rows",
        (*answers(lenenc(1), column(), row(b"x")), Sleep(0.05), Send(INTERRUPTED, sequence=4)),
        "^Query execution was interrupted$",
        (*UNBUFFERED, cursor("fetchall")),
        errno=1317,
        ready=True,
    ),
    Case(
        "a server that reads no more",
        (*LOGIN, StopReading()),
        r"Lost connection .*write_timeout of 0\.2 s passed while \d+ bytes were waiting to be written",
        (execute(b"SELECT '" + b"x" * (32 << 20) + b"'"),),
        LostConnectionError,
        options={"write_timeout": 0.2, "max_allowed_packet": 1 << 30},
        cut=True,
    ),
    Case(
        "rows without end before the statement was written",
        (*LOGIN, BEGUN, StopReading(), Generate(_flood)),
        r"Lost connection .*write_timeout of 0\.2 s passed while \d+ bytes were waiting to be written",
        (execute(b"SELECT '" + b"x" * (32 << 20) + b"'"),),
        options={"write_timeout": 0.2, "max_allowed_packet": 1 << 30},
        cut=True,
    ),
    Case(
        "rows without end, unbuffered",
        (*LOGIN, ASKED, Generate(_flood)),
        client=(*UNBUFFERED, cursor("fetchone"), connection("close")),
        raises=None,
        cut=True,
    ),
    Case(
        "a max_allowed_packet that is no number",
        (*LIMIT, Raw(result([column()], [row(b"much")]))),
        "max_allowed_packet",
        LONG,
        ready=True,
    ),
    Case(
        "a max_allowed_packet of NULL",
        (*LIMIT, Raw(result([column()], [b"\xfb"]))),
        "max_allowed_packet",
        LONG,
        ready=True,
    ),
    Case(
        "a max_allowed_packet of two rows",
        (*LIMIT, Raw(result([column()], [row(b"1"), row(b"2")]))),
        "the server does not tell its max_allowed_packet",
        LONG,
        ready=True,
    ),
    Case(
        "a max_allowed_packet of 5",
        (*LIMIT, Raw(result([column()], [row(b"5")]))),
        r"the statement has \d+ bytes, and max_allowed_packet is 1024; nothing was sent",
        LONG,
        errno=2020,
        ready=True,
    ),
)

# Compressed

PACKED = {"compress": True}
BOMB = bytes(16 << 20)


def _frames(name: str, *frames: bytes, match: str) -> Case:
    return Case(name, compressed(*frames), match, QUERY, options=PACKED)


def _deflated(contents: bytes) -> bytes:
    from zlib import compress

    return compress(contents, 9)


ANSWER = packets(1, ok())
FRAMES = (
    _frames("a frame that holds more than it announces", frame(_deflated(BOMB), size=100), match="the 100 that it ann"),
    _frames(
        "a frame that holds less than it announces", frame(_deflated(ANSWER), size=99), match="the 99 that it anno"
    ),
    _frames("a frame that holds nothing", frame(_deflated(b""), size=11), match="does not decompress to the 11"),
    _frames("a frame that is not compressed", frame(ANSWER, size=11), match="11 bytes cannot be decompressed"),
    _frames("a frame with junk behind", frame(_deflated(ANSWER) + b"junk", size=11), match="not decompress to the 11"),
    _frames("a frame that is cut", frame(_deflated(ANSWER)[:-6], size=11), match="does not decompress to the 11"),
    _frames("an empty frame", frame(b""), match="an empty frame"),
    _frames("a frame in wrong order", frame(ANSWER, 2), match="frame out of order: sequence id 2, expected 1"),
    _frames("a packet in wrong order in a frame", frame(packets(2, ok())), match="packet out of order: sequence id 2"),
    Case(
        "16 MiB of zeros in a frame of 16 KiB",
        compressed(frame(_deflated(BOMB[1:]), size=0xFFFFFF)),
        "malformed column count of 0 bytes|out of order",
        QUERY,
        options=PACKED,
    ),
    Case(
        "a frame behind an answer",
        compressed(frame(ANSWER), frame(ANSWER, 2)),
        UNASKED % 11,
        NEXT,
        options=PACKED,
    ),
    Case(
        "a frame that does not come",
        compressed(frame(b"", length=100)),
        "Lost connection .*read_timeout",
        QUERY,
        LostConnectionError,
        options={**PACKED, **SLOW},
    ),
)

CASES = (*PACKETS, *ORDER, *COLUMNS, *STRAY, *ENDS, *FRAMES)
