"""Hostile greetings and logins. Nothing that shows the password may leave, whatever the server asks for."""

from __future__ import annotations

from hashlib import sha1, sha256

from mariadb_protocol.constants import Capability
from mariadb_py import LostConnectionError, OperationalError
from tests.hostile.table import CAPABILITIES, GREETING, LOGIN, PASSWORD, Case, connection
from tests.support.rogue import Close, Drip, Expect, HalfClose, Perhaps, Raw, Repeat, Reset, Send, Sleep
from tests.support.scripts import CHALLENGE, err, greeting, lenenc, ok, packets, switch, text, tracked, uint

NOT_A_SERVER = r"^'127\.0\.0\.1:\d+' does not answer like a MariaDB server \("


def _greets(name: str, payload: bytes, fact: str, sequence: int = 0) -> Case:
    """A greeting that is none."""
    return Case(name, (Send(payload, sequence=sequence),), NOT_A_SERVER + fact, errno=2027, silent=True)


def _is_refused(name: str, *payloads: bytes, errno: int, match: str) -> Case:
    return Case(name, (Send(*payloads, sequence=0),), match, errno=errno, silent=True)


GREETINGS = (
    Case("nothing", (Close(),), "Lost connection .*closed the connection", raises=LostConnectionError, silent=True),
    Case("a reset", (Reset(),), "^(Lost connection|Can't connect) to server", silent=True),
    Case(
        "silence in the place of the greeting",
        (Sleep(1),),
        r"Lost connection .*connect_timeout of 0\.2 s passed",
        raises=LostConnectionError,
        options={"connect_timeout": 0.2},
        silent=True,
        cut=True,
    ),
    Case(
        "a greeting of a byte per 100 ms",
        (Drip(packets(0, GREETING)),),
        r"Lost connection .*connect_timeout of 0\.3 s passed",
        raises=LostConnectionError,
        options={"connect_timeout": 0.3},
        silent=True,
        cut=True,
    ),
    Case(
        "a greeting of a byte per 100 ms, none of which is late",
        (Drip(packets(0, GREETING)),),
        r"Lost connection .*connect_timeout of 0\.3 s passed",
        raises=LostConnectionError,
        options={"connect_timeout": 0.3, "read_timeout": 10},
        silent=True,
        cut=True,
    ),
    Case(
        "one byte, and the end of the stream",
        (Raw(b"\x4a"), HalfClose()),
        "Lost connection .*1 bytes into a packet",
        raises=LostConnectionError,
        silent=True,
    ),
    _greets("a greeting of 0 bytes", b"", "malformed greeting of 0 bytes"),
    _greets("a greeting of 1 byte", b"\x0a", "malformed greeting of 1 bytes: has no NUL"),
    _greets("a greeting of 5,000 bytes", b"\x0a" + b"v" * 4999, "greeting_size is 4096, the server sent 5000"),
    Case(
        "a greeting that is announced with 16 MiB",
        (Raw(uint(0xFFFFFF, 3) + b"\0\x0a"),),
        NOT_A_SERVER + "greeting_size is 4096, the server sent 16777215",
        silent=True,
    ),
    Case("a web server", (Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),), NOT_A_SERVER, errno=2027, silent=True),
    Case("an SSH server", (Raw(b"SSH-2.0-OpenSSH_9.2\r\n"),), NOT_A_SERVER, errno=2027, silent=True),
    Case("zeros", (Raw(bytes(1000)),), NOT_A_SERVER, errno=2027, silent=True),
    _greets("protocol version 9", b"\x09" + GREETING[1:], "the server speaks protocol version 9, this client 10"),
    _greets("a greeting with sequence id 1", GREETING, "packet out of order: sequence id 1, expected 0", 1),
    _greets("a version without NUL", b"\x0a" + b"v" * 80, "malformed greeting of 81 bytes: has no NUL"),
    _greets("a plugin without NUL", GREETING[:-1], "malformed greeting of .* has no NUL"),
    _greets("junk behind the greeting's plugin", GREETING + b"junk", "malformed greeting .* 4 bytes after its last"),
    _greets("half a greeting", GREETING[:45], "malformed greeting of 45 bytes: wants"),
    _greets("a challenge of 255 bytes that are not there", greeting(auth_length=255), "malformed greeting of .* wants"),
    Case(
        "a server without the protocol of 4.1",
        (Send(greeting(capabilities=CAPABILITIES & ~Capability.PROTOCOL_41), sequence=0),),
        "the server lacks capabilities that this client needs: 0x200",
        silent=True,
    ),
    Case(
        "a server without databases in the login",
        (Send(greeting(capabilities=CAPABILITIES & ~Capability.CONNECT_WITH_DB), sequence=0),),
        "the server lacks capabilities that this client needs: 0x8",
        options={"database": "test"},
        silent=True,
    ),
    Case(
        "a second greeting behind the greeting",
        (Raw(packets(0, GREETING) * 2),),
        f"{len(GREETING) + 4} bytes arrived behind the greeting",
        silent=True,
    ),
    Case(
        "an OK behind the greeting",
        (Raw(packets(0, GREETING) + packets(1, ok())),),
        "11 bytes arrived behind the greeting",
        silent=True,
    ),
    _is_refused("too many connections", err(1040, b"Too many connections", None), errno=1040, match="Too many conn"),
    _is_refused("a blocked host", err(1129, b"Host 'h' is blocked", None), errno=1129, match="^Host 'h' is blocked$"),
    Case(
        "a refusal of 1 byte",
        (Send(b"\xff", sequence=0),),
        NOT_A_SERVER + "malformed ERR packet of 1 bytes",
        silent=True,
    ),
    Case(
        "a progress report in the place of the greeting",
        (Send(err(0xFFFF, b"\1\1\1\0\0\0\0"), sequence=0),),
        NOT_A_SERVER + "progress report",
        silent=True,
    ),
    Case(
        "a version of 3,900 digits",
        (Send(greeting(version=b"9" * 3900), sequence=0), *LOGIN[1:]),
        client=(connection("get_server_version"),),
        raises=None,
        answer=(0, 0, 0),
        ready=True,
    ),
)

# Logins

NOT_AUTHENTICATION = "authentication data that the plugin does not expect|unexpected authentication packet"
HELLO = (Send(GREETING, sequence=0), Expect())
DENIED = err(1045, b"Access denied", b"28000")
# What a plugin would send in the place of the password. The hash of the greeting's challenge may leave; these may not.
_XORED = bytes(a ^ b for a, b in zip(PASSWORD.encode() + b"\0", CHALLENGE * 2))
SECRETS = (PASSWORD.encode(), _XORED, sha1(PASSWORD.encode()).digest(), sha256(PASSWORD.encode()).digest())


def _logs_in(name: str, *payloads: bytes, match: str, sequence: int = 2, errno: int = 0) -> Case:
    """Answers to the handshake response."""
    return Case(name, (*HELLO, Send(*payloads, sequence=sequence)), match, errno=errno, unheard=SECRETS)


def _switches(plugin: str, data: bytes = CHALLENGE + b"\0") -> Case:
    """A switch to a plugin that would show the password, or that there is not: refused at once, or by no answer."""
    return Case(
        f"a switch to {plugin}",
        (*HELLO, Send(switch(plugin.encode(), data), sequence=2), Perhaps(Expect(), Send(DENIED, sequence=4))),
        plugin,
        unheard=SECRETS,
        cut=True,
    )


NATIVE = switch(b"mysql_native_password", CHALLENGE + b"\0")
VARIABLES = b"".join(text(b"%d" % n) * 2 for n in range(9))

LOGINS = (
    _logs_in("a wrong password", DENIED, match="^Access denied", errno=1045),
    _logs_in("an empty answer to the login", b"", match=NOT_AUTHENTICATION),
    _logs_in("a greeting as the answer to the login", GREETING, match=NOT_AUTHENTICATION),
    _logs_in("a local file as the answer to the login", b"\xfb/etc/passwd", match=NOT_AUTHENTICATION),
    _logs_in("an answer to the login in wrong order", ok(), sequence=3, match="sequence id 3, expected 2"),
    _logs_in("an answer to the login with sequence id 0", ok(), sequence=0, match="sequence id 0, expected 2"),
    _logs_in("extra data that no plugin expects", b"\1\4", match="1 bytes of authentication data that the plugin does"),
    _logs_in("an authentication packet of 65,537 bytes", b"\1" * 65537, match="auth_packet_size is 65536, .* 65537"),
    _logs_in("a switch without NUL", b"\xfeplugin", match="malformed AuthSwitchRequest of 7 bytes: has no NUL"),
    _logs_in("a cut OK behind the login", b"\0\0", match="malformed OK packet of 2 bytes"),
    _logs_in("junk in the OK behind the login", ok(tail=b"\0junk"), match="malformed OK .* 4 bytes after its last"),
    Case(
        "a login of a byte per 100 ms",
        (*HELLO, Drip(packets(2, ok()))),
        r"Lost connection .*connect_timeout of 0\.3 s passed",
        raises=LostConnectionError,
        options={"connect_timeout": 0.3},
        cut=True,
    ),
    Case(
        "a switch of plugins without end",
        (*HELLO, *(step for n in range(2, 40, 2) for step in (Send(NATIVE, sequence=n), Expect()))),
        "auth_rounds is 10, the server sent 11",
        unheard=SECRETS,
        cut=True,
    ),
    Case(
        "a switch to nothing without end",
        (*HELLO, Send(switch(b"", b""), sequence=2), Perhaps(Expect(), Repeat(Sleep(0.01), times=1), Close())),
        "Lost connection|authentication plugin",
        cut=True,
    ),
    _switches("mysql_clear_password", b""),
    _switches("dialog", b"\2Password: \0"),
    _switches("mysql_old_password"),
    _switches("sha256_password"),
    _switches("a_plugin_that_nobody_has"),
    Case(
        "a switch of 1 byte",
        (*HELLO, Send(b"\xfe", sequence=2), Perhaps(Expect(), Send(DENIED, sequence=4))),
        "mysql_old_password",
        unheard=SECRETS,
        cut=True,
    ),
    Case(
        "the full exchange of caching_sha2_password on plain TCP",
        (
            *HELLO,
            Send(switch(b"caching_sha2_password", CHALLENGE + b"\0"), sequence=2),
            Perhaps(Expect(), Send(b"\1\4", sequence=4), Expect(), Send(DENIED, sequence=6)),
        ),
        # Without the plugin: extra data that nobody expects.
        "caching_sha2_password|authentication data that the plugin does not expect",
        unheard=SECRETS,
        cut=True,
    ),
    Case(
        "a session-state block of junk behind the login",
        (*HELLO, Send(ok(status=0x4002, tail=text(b"") + text(b"\1\xfa")), sequence=2)),
        "malformed session-state block of 2 bytes",
    ),
    Case(
        "a session-state entry that is longer than its block",
        (*HELLO, Send(ok(status=0x4002, tail=text(b"") + text(b"\1\x09\x0a")), sequence=2)),
        "malformed session-state block of 3 bytes: wants 9 bytes",
    ),
    Case(
        "a session-state block over the limit",
        (*HELLO, Send(ok(status=0x4002, tail=tracked((1, b"\0" * 1001))), sequence=2)),
        "session_track_size is 1000, the server sent 10",
        options={"limits": {"session_track_size": 1000}},
    ),
    Case(
        "more session variables than the limit",
        (
            *HELLO,
            Send(ok(status=0x4002, tail=tracked((0, b"".join(text(b"%d" % n) * 2 for n in range(9))))), sequence=2),
        ),
        "session_variables is 8, the server sent 9",
        options={"limits": {"session_variables": 8}},
    ),
    Case(
        "bytes behind the OK of a login that compresses",
        (
            Send(greeting(capabilities=CAPABILITIES | Capability.COMPRESS), sequence=0),
            Expect(),
            Raw(packets(2, ok()) + b"junk"),
        ),
        "4 bytes arrived behind the login",
        options={"compress": True},
    ),
    Case(
        "an answer that waits behind the OK of the login",
        (*HELLO, Raw(packets(2, ok()) + packets(1, ok()))),
        "11 bytes arrived that no command asked for",
    ),
    Case(
        "an error for the statement that sets the session up",
        (*LOGIN[:4], Send(err(1227, b"no right"))),
        "^no right$",
        raises=OperationalError,
        errno=1227,
    ),
)


def _changes(name: str, *steps: Send | Expect | Perhaps, match: str, cut: bool = False) -> Case:
    """Answers to COM_CHANGE_USER, which gives the same password."""
    change = connection("change_user", "v", PASSWORD, None)
    return Case(name, (*LOGIN, Expect(b"\x11v\0"), *steps), match, (change,), unheard=SECRETS, cut=cut)


CHANGES = (
    _changes("a change of user that asks for extra data", Send(b"\1\4"), match="authentication data that the plugin"),
    _changes("a change of user that is answered by a local file", Send(b"\xfb/etc/passwd"), match=NOT_AUTHENTICATION),
    _changes("a change of user in wrong order", Send(ok(), sequence=2), match="sequence id 2, expected 1"),
    _changes("a change of user of 65,537 bytes", Send(b"\1" * 65537), match="auth_packet_size is 65536"),
    _changes(
        "a change of user to mysql_clear_password",
        Send(switch(b"mysql_clear_password", b"")),
        Perhaps(Expect(), Send(DENIED, sequence=3)),
        match="mysql_clear_password",
        cut=True,
    ),
    _changes(
        "a change of user to a switch of plugins without end",
        *(step for n in range(1, 40, 2) for step in (Send(NATIVE, sequence=n), Expect())),
        match="auth_rounds is 10, the server sent 11",
        cut=True,
    ),
    _changes("a change of user answered by rows", Send(lenenc(1)), match=NOT_AUTHENTICATION),
)

CASES = (*GREETINGS, *LOGINS, *CHANGES)
