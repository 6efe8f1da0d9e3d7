"""What the tables of hostile cases are made of: a case, a login, and what a client does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mariadb_protocol.constants import Capability
from mariadb_protocol.handshake import WANTED
from mariadb_py import OperationalError
from tests.support.rogue import Compute, Expect, Raw, Send, frame
from tests.support.scripts import greeting, ok, packets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mariadb_py import Error
    from tests.support.certificates import Certificates
    from tests.support.rogue import Script, Step

    # Of the connection ("connection"), its cursor ("cursor") or the runner (""): a method, its arguments and keywords.
    Call = tuple[str, str, tuple[Any, ...], dict[str, Any]]

PASSWORD = "Xy9-the-password-of-the-tests"
CAPABILITIES = WANTED | Capability.CONNECT_WITH_DB
GREETING = greeting(capabilities=CAPABILITIES)
FILE = str(Path(__file__).resolve())  # one that may be read where a statement names it
IN_FILE = b"What the tables of hostile cases are made of"
SECRET_FILE = "/etc/passwd"
IN_SECRET_FILE = b":".join((b"root", b""))  # in two parts: this file is the other one


@dataclass(frozen=True)
class Case:
    """One hostile case.

    Attributes:
        name: what the server does; no two cases have the same.
        script: the server's part.
        match: pattern for the message of the error.
        client: calls behind the login, of which the last one raises; none: connecting raises.
        raises: class of the error; None: the last call gives `answer`.
        answer: what the last call returns if it does not raise; None: whatever it is.
        errno: number of the error; 0: not looked at.
        ready: the connection is whole afterwards, and runs another statement. Otherwise it is unusable, and says so.
        options: keywords of `connect()` beside those that lead to the server.
        further: scripts of the connections behind the first one.
        pool: connect by a pool of one connection.
        tls: further keywords, from the certificates that the server has; None: no TLS is expected.
        sealed: nothing is heard inside of TLS.
        unheard: bytes that the server must not hear.
        heard: bytes that the server must hear, so that it is shown that it would.
        silent: the server hears nothing at all.
        cut: the client may hang up before the script is played.
    """

    name: str
    script: Script
    match: str = ""
    client: tuple[Call, ...] = ()
    raises: type[Error] | None = OperationalError
    answer: Any = None
    errno: int = 0
    ready: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    further: tuple[Script, ...] = ()
    pool: bool = False
    tls: Callable[[Certificates], dict[str, Any]] | None = None
    sealed: bool = False
    unheard: tuple[bytes, ...] = (PASSWORD.encode(),)
    heard: tuple[bytes, ...] = ()
    silent: bool = False
    cut: bool = False


# What clients do


def execute(statement: str = "SELECT 1", *arguments: Any, **keywords: Any) -> Call:
    """Run a statement by the cursor."""
    return "cursor", "execute", (statement, *arguments), keywords


def cursor(name: str, *arguments: Any, **keywords: Any) -> Call:
    """Call a method of the cursor."""
    return "cursor", name, arguments, keywords


def connection(name: str, *arguments: Any, **keywords: Any) -> Call:
    """Call a method of the connection."""
    return "connection", name, arguments, keywords


def open_cursor(**keywords: Any) -> Call:
    """Go on with another cursor."""
    return "", "open_cursor", (), keywords


PLAYED: Call = "", "played", (), {}  # wait until the server has done its part
BORROW_AGAIN: Call = "", "borrow_again", (), {}  # give the connection back to its pool, and borrow one
QUERY = (execute(),)
FETCH_ALL = (execute(), cursor("fetchall"))
UNBUFFERED = (open_cursor(buffered=False), execute())
BINARY = (open_cursor(binary=True), execute())
SERVER_SIDE = (open_cursor(cursor_type=1, prefetch_size=2), execute())
MANY = cursor("executemany", "INSERT INTO t VALUES (?)", [(1,), (2,)])
PING = (connection("ping"),)

# What servers do


def login(capabilities: int = CAPABILITIES) -> tuple[Step, ...]:
    """Greet, take whatever login comes, and answer the statement that sets the session up."""
    return (
        Send(greeting(capabilities=capabilities), sequence=0),
        Expect(),
        Send(ok(), sequence=2),
        Expect(b"\x03SET "),
        Send(ok(status=0)),
    )


LOGIN = login()
LOGIN_LOCAL = login(CAPABILITIES | Capability.LOCAL_FILES)
LOGIN_OLD = login(CAPABILITIES & ~(Capability.DEPRECATE_EOF | Capability.SESSION_TRACK))
ASKED = Expect(b"\x03SELECT 1")
BEGUN = Compute(lambda visit: visit.exactly(5)[:0])  # wait for the beginning of a statement
PREPARED = (Expect(b"\x16"), Expect(b"\x17"))  # COM_STMT_PREPARE and COM_STMT_EXECUTE, sent at once


def answers(*payloads: bytes, sequence: int = 1) -> tuple[Step, ...]:
    """Log in, and answer SELECT 1 by these payloads."""
    return (*LOGIN, ASKED, Send(*payloads, sequence=sequence))


def answers_raw(*pieces: bytes) -> tuple[Step, ...]:
    """Log in, and answer SELECT 1 by these bytes."""
    return (*LOGIN, ASKED, Raw(b"".join(pieces)))


def executes_raw(*pieces: bytes) -> tuple[Step, ...]:
    """Log in, and answer COM_STMT_PREPARE and COM_STMT_EXECUTE by these bytes."""
    return (*LOGIN, *PREPARED, Raw(b"".join(pieces)))


def compressed(*frames: bytes) -> tuple[Step, ...]:
    """Log in to a compressed connection, and answer SELECT 1 by these frames."""
    return (
        *login(CAPABILITIES | Capability.COMPRESS)[:3],
        Expect(b"\x03SET ", framed=True),
        Raw(frame(packets(1, ok(status=0)))),
        Expect(b"\x03SELECT 1", framed=True),
        Raw(b"".join(frames)),
    )
