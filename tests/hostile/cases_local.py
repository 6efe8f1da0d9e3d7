"""A server that asks for files of the client: only the one that this very statement offers may be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mariadb_protocol.constants import Capability, Status
from mariadb_py import NotSupportedError, OperationalError
from tests.hostile.table import (
    ASKED,
    CAPABILITIES,
    FILE,
    IN_FILE,
    IN_SECRET_FILE,
    LOGIN,
    LOGIN_LOCAL,
    MANY,
    PING,
    PREPARED,
    QUERY,
    SECRET_FILE,
    UNBUFFERED,
    Case,
    connection,
    cursor,
    execute,
    login,
)
from tests.support.rogue import Close, Expect, Raw, Send
from tests.support.script_binary import prepared
from tests.support.scripts import column, ok, packets

if TYPE_CHECKING:
    from mariadb_py import Error
    from tests.hostile.table import Call
    from tests.support.rogue import Step

ON = {"local_infile": True}
WANTS_SECRET = b"\xfb" + SECRET_FILE.encode()
WANTS_FILE = b"\xfb" + FILE.encode()
LOAD = execute(f"LOAD DATA LOCAL INFILE '{FILE}' INTO TABLE t")
LOADING = (*LOGIN_LOCAL, Expect(b"\x03LOAD DATA"))
UNHEARD = (IN_FILE, IN_SECRET_FILE)
NOT_OFFERED = f"the server asks for the local file b'{SECRET_FILE}', which this statement does not offer"
OFF = "the server asks for a local file, which this client did not offer"
MORE = 2 | Status.MORE_RESULTS_EXISTS
FIRST = packets(1, prepared(7, 0, 1), column()) + packets(1, ok())  # of many rows


def _refused(name: str, *steps: Step, client: tuple[Call, ...], match: str = NOT_OFFERED) -> Case:
    """A request that is answered by no file; the connection stays whole."""
    return Case(name, steps, match, client, NotSupportedError, ready=True, options=ON, unheard=UNHEARD)


def _broken(
    name: str,
    *steps: Step,
    client: tuple[Call, ...],
    match: str,
    raises: type[Error] = OperationalError,
    on: bool = True,
) -> Case:
    """A request where none may be; the connection is closed."""
    return Case(name, steps, match, client, raises, options=ON if on else {}, unheard=UNHEARD)


def _asks(name: bytes = WANTS_SECRET, sequence: int = 1) -> tuple[Step, ...]:
    """Ask for a file, hear that there is none, and accept that."""
    return Send(name, sequence=sequence), Expect(), Send(ok(), sequence=sequence + 2)


CASES = (
    Case(
        "the file that a statement offers",
        (*LOADING, Send(WANTS_FILE), Expect(IN_FILE[:0]), Expect(), Send(ok(7), sequence=4)),
        client=(LOAD,),
        raises=None,
        ready=True,
        options=ON,
        unheard=(),
        heard=(IN_FILE,),
    ),
    _broken(
        "a file, of a client without local_infile", *LOGIN, ASKED, Send(WANTS_SECRET), client=QUERY, match=OFF, on=False
    ),
    _broken(
        "a file, of a client that may not", *LOGIN_LOCAL, ASKED, Send(WANTS_SECRET), client=QUERY, match=OFF, on=False
    ),
    _broken(
        "a file, of a client that loads and may not", *LOADING, Send(WANTS_FILE), client=(LOAD,), match=OFF, on=False
    ),
    _refused("a file for a SELECT", *LOGIN_LOCAL, ASKED, *_asks(), client=QUERY),
    _refused("a file for an unbuffered SELECT", *LOGIN_LOCAL, ASKED, *_asks(), client=UNBUFFERED),
    _refused("another file than is offered", *LOADING, *_asks(), client=(LOAD,)),
    _refused("a file of no name", *LOADING, *_asks(b"\xfb"), client=(LOAD,), match="the local file b''"),
    _refused("a file with NUL", *LOADING, *_asks(WANTS_FILE + b"\0x"), client=(LOAD,), match=r"\.py\\x00x', which"),
    _refused("a file by a longer way", *LOADING, *_asks(b"\xfb//" + WANTS_FILE[2:]), client=(LOAD,), match="b'//"),
    _refused(
        "a file that only a comment offers",
        *(*LOGIN_LOCAL, Expect(b"\x03SELECT"), *_asks(WANTS_FILE)),
        client=(execute(f"SELECT 1 -- LOAD DATA LOCAL INFILE '{FILE}'"),),
        match="does not offer",
    ),
    _refused(
        "a file that only a string offers",
        *(*LOGIN_LOCAL, Expect(b"\x03SELECT"), *_asks(WANTS_FILE)),
        client=(execute("SELECT %s", (f"LOAD DATA LOCAL INFILE '{FILE}'",)),),
        match="does not offer",
    ),
    _refused(
        "the file of the last statement",
        *(*LOADING, Send(ok()), ASKED, *_asks(WANTS_FILE)),
        client=(LOAD, execute()),
        match="does not offer",
    ),
    _refused(
        "a file as the second result",
        *(*LOADING, Send(ok(status=MORE), WANTS_FILE), Expect(), Send(ok(), sequence=4)),
        client=(LOAD,),
        match="does not offer",
    ),
    _refused(
        "a file as the second result, unbuffered",
        *(*LOGIN_LOCAL, ASKED, Send(ok(status=MORE), WANTS_SECRET), Expect(), Send(ok(), sequence=4)),
        client=(*UNBUFFERED, cursor("nextset")),
    ),
    _refused(
        "a file in the middle of many rows",
        *(*LOGIN_LOCAL, *PREPARED, Raw(FIRST), Expect(b"\x17"), *_asks()),
        client=(MANY,),
    ),
    _refused(
        "a file for a procedure",
        *(*LOGIN_LOCAL, *PREPARED, Raw(packets(1, prepared(7, 0, 1), column())), *_asks()),
        client=(cursor("callproc", "p", (1,)),),
    ),
    Case(
        "a file for a commit",
        (*LOGIN_LOCAL, Expect(b"\x03COMMIT"), *_asks()),
        client=(connection("commit"),),
        raises=None,
        ready=True,
        options=ON,
        unheard=UNHEARD,
    ),
    _broken(
        "a file for a bulk",
        *login(CAPABILITIES | Capability.MARIADB_BULK | Capability.LOCAL_FILES),
        *(Expect(b"\x16"), Send(prepared(7, 0, 1), column()), Expect(b"\xfa"), Send(WANTS_SECRET)),
        client=(MANY,),
        match="local file",
    ),
    _broken(
        "a file for a ping", *LOGIN_LOCAL, Expect(b"\x0e"), Send(WANTS_SECRET), client=PING, match="expected OK or"
    ),
    _broken(
        "a file for a prepared statement",
        *(*LOGIN_LOCAL, *PREPARED, Send(WANTS_SECRET)),
        client=(cursor("execute", "DO ?", (1,)),),
        match="malformed answer to COM_STMT_PREPARE of 12 bytes: begins with 0xfb",
    ),
    _broken(
        "a file for a reset",
        *(*LOGIN_LOCAL, Expect(b"\x1f"), Send(WANTS_SECRET)),
        client=(connection("reset"),),
        match="expected OK or ERR",
    ),
    _broken(
        "a file for a change of user",
        *(*LOGIN_LOCAL, Expect(b"\x11"), Send(WANTS_SECRET)),
        client=(connection("change_user", "v", None, None),),
        match="authentication data that the plugin does not expect|unexpected authentication packet",
    ),
    Case(
        "a file once more, when it has been sent",
        (*LOADING, Send(WANTS_FILE), Expect(), Expect(), Send(WANTS_SECRET, sequence=4)),
        "local file",
        (LOAD,),
        options=ON,
        unheard=(IN_SECRET_FILE,),
        heard=(IN_FILE,),
    ),
    Case(
        "files without end",
        (*LOGIN_LOCAL, ASKED, *(step for n in range(1, 200, 2) for step in _asks(sequence=n)[:2]), Close()),
        "local file",
        QUERY,
        options=ON,
        unheard=UNHEARD,
        cut=True,
    ),
)
