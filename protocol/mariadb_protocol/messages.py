"""Messages of the protocol as objects: greeting, OK, ERR, EOF, column definition, authentication switch.

Each `decode_*` function reads one payload exactly, or raises RemoteProtocolError. Knows no session and no command.
Source: MariaDB documentation, pages "Connection", "OK_Packet", "ERR_Packet", "EOF_Packet", "Result Set Packets".
"""

from __future__ import annotations

from .constants import PROTOCOL_VERSION, SCRAMBLE_LENGTH, Capability, Status
from .errors import RemoteProtocolError
from .wire import Reader

PROGRESS_ERRNO = 0xFFFF
MESSAGE_SIZE = 4096  # bytes of an error message that are kept; the server's own have 512
_REPLICATION_PREFIX = "5.5.5-"  # MariaDB 10 hides behind it from replicas that know one-digit versions only


class Record:
    """Base of the messages: a repr that shows every field."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"


class Greeting(Record):
    """The server's first message (handshake version 10).

    Attributes:
        version: server version without MariaDB's replication prefix, such as "10.11.6-MariaDB".
        connection_id: id of the connection on the server.
        scramble: 20 bytes of challenge (fewer from servers that have only the first eight).
        capabilities: capability flags, the MariaDB extended ones shifted left by 32.
        collation: id of the server's default collation (its low byte).
        status: server status flags.
        plugin: name of the authentication plugin that the scramble is for, or "".
        mariadb: True for a MariaDB server, False for MySQL and its relatives.
    """

    __slots__ = ("capabilities", "collation", "connection_id", "mariadb", "plugin", "scramble", "status", "version")

    def __init__(self, version: str, connection_id: int, scramble: bytes, capabilities: int, plugin: str) -> None:
        self.version = version
        self.connection_id = connection_id
        self.scramble = scramble
        self.capabilities = capabilities
        self.collation = 0
        self.status = 0
        self.plugin = plugin
        self.mariadb = not capabilities & Capability.MYSQL or "MariaDB" in version

    @property
    def version_info(self) -> tuple[int, int, int]:
        """(major, minor, patch) of the version; zeros if it cannot be read."""
        numbers = self.version.split("-")[0].split(".")
        found = [int(number) for number in numbers[:3] if number.isdecimal() and len(number) < 4]
        return (found[0], found[1], found[2]) if len(found) == 3 else (0, 0, 0)

    @property
    def version_number(self) -> int:
        """The version as major * 10000 + minor * 100 + patch; 0 if it cannot be read."""
        major, minor, patch = self.version_info
        return major * 10000 + minor * 100 + patch


class OkPacket(Record):
    """A command succeeded.

    Attributes:
        affected_rows: rows changed, deleted or inserted.
        last_insert_id: first AUTO_INCREMENT value that the statement made, or 0.
        status: server status flags.
        warnings: number of warnings.
        info: text for humans, as bytes.
        track: session-state block, undecoded; b"" if there is none.
    """

    __slots__ = ("affected_rows", "info", "last_insert_id", "status", "track", "warnings")

    def __init__(
        self,
        affected_rows: int = 0,
        last_insert_id: int = 0,
        status: int = 0,
        warnings: int = 0,
        info: bytes = b"",
        track: bytes = b"",
    ) -> None:
        self.affected_rows = affected_rows
        self.last_insert_id = last_insert_id
        self.status = status
        self.warnings = warnings
        self.info = info
        self.track = track


class ErrPacket(Record):
    """A command failed.

    Attributes:
        errno: server error number, such as 1064.
        sqlstate: five characters, or "" where the server sends none (before the login).
        message: the server's text.
    """

    __slots__ = ("errno", "message", "sqlstate")

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message


class AuthSwitch(Record):
    """The server asks for another authentication plugin, with its challenge `data`."""

    __slots__ = ("data", "plugin")

    def __init__(self, plugin: str, data: bytes) -> None:
        self.plugin = plugin
        self.data = data


class ColumnDefinition(Record):
    """One column of a result set.

    Attributes:
        catalog, schema, table, org_table, name, org_name: names; `table` and `name` are the aliases in the statement.
        charset: collation id; 63 is binary.
        length: display width in bytes.
        type: one of `constants.FieldType`.
        flags: bits of `constants.FieldFlag`.
        decimals: digits after the point (39: not fixed).
        type_name: extended type, such as "uuid" or "inet6" or "point", or "".
        format: extended format, such as "json", or "".
    """

    __slots__ = (
        "catalog",
        "charset",
        "decimals",
        "flags",
        "format",
        "length",
        "name",
        "org_name",
        "org_table",
        "schema",
        "table",
        "type",
        "type_name",
    )  # fmt: skip

    def __init__(self, names: list[str], extended: dict[int, str], fixed: bytes) -> None:
        self.catalog, self.schema, self.table, self.org_table, self.name, self.org_name = names
        self.charset = fixed[0] | fixed[1] << 8
        self.length = int.from_bytes(fixed[2:6], "little")
        self.type = fixed[6]
        self.flags = fixed[7] | fixed[8] << 8
        self.decimals = fixed[9]
        self.type_name = extended.get(0, "")
        self.format = extended.get(1, "")


def decode_greeting(payload: bytes) -> Greeting | ErrPacket:
    """The first payload of a connection: a greeting, or an ERR such as 1040 (too many connections)."""
    if payload[:1] == b"\xff":
        return decode_err(payload)
    reader = Reader(payload, "greeting")
    protocol = reader.u8()
    if protocol != PROTOCOL_VERSION:
        raise RemoteProtocolError(f"the server speaks protocol version {protocol}, this client {PROTOCOL_VERSION}")
    version = reader.nul_terminated().decode("ascii", "backslashreplace")
    if version.startswith(_REPLICATION_PREFIX):
        version = version[len(_REPLICATION_PREFIX) :]
    connection_id = reader.uint(4)
    scramble = reader.raw(8)
    reader.raw(1)
    capabilities = reader.uint(2)
    collation = reader.u8()
    status = reader.uint(2)
    capabilities |= reader.uint(2) << 16
    auth_length = reader.u8()
    reader.raw(6)
    extended = reader.uint(4)
    if not capabilities & Capability.MYSQL:
        capabilities |= extended << 32
    if capabilities & Capability.SECURE_CONNECTION:
        # The length counts both parts and the NUL behind them; servers that say 0 send 12 bytes all the same.
        scramble += reader.raw(max(SCRAMBLE_LENGTH - 8, auth_length - 9))
        reader.raw(1)
    plugin = ""
    if capabilities & Capability.PLUGIN_AUTH:
        plugin = reader.nul_terminated().decode("ascii", "backslashreplace")
    reader.done()
    greeting = Greeting(version, connection_id, scramble, capabilities, plugin)
    greeting.collation = collation
    greeting.status = status
    return greeting


def decode_ok(payload: bytes, session_track: bool) -> OkPacket:
    """An OK packet: the answer to a command, or with header 0xFE the end of rows under DEPRECATE_EOF.

    Args:
        payload: the whole payload, header included.
        session_track: SESSION_TRACK was negotiated.
    """
    if len(payload) == 7 and not payload[1] and not payload[2]:  # the common one: nothing affected, nothing to say
        return OkPacket(0, 0, payload[3] | payload[4] << 8, payload[5] | payload[6] << 8)
    reader = Reader(payload, "OK packet", 1)
    ok = OkPacket(reader.lenenc(), reader.lenenc(), reader.uint(2), reader.uint(2))
    if not session_track:
        ok.info = reader.rest()
        return ok
    if reader.left():
        ok.info = reader.lenenc_bytes()
    if reader.left() and ok.status & Status.SESSION_STATE_CHANGED:
        ok.track = reader.lenenc_bytes()
    reader.done()
    return ok


def decode_eof(payload: bytes) -> OkPacket:
    """An EOF packet (without DEPRECATE_EOF), as an OK packet that has only status and warnings."""
    reader = Reader(payload, "EOF packet", 1)
    warnings = reader.uint(2)
    status = reader.uint(2)
    reader.done()
    return OkPacket(status=status, warnings=warnings)


def decode_err(payload: bytes) -> ErrPacket:
    """An ERR packet; one without SQLSTATE is legal before the login."""
    reader = Reader(payload, "ERR packet", 1)
    errno = reader.uint(2)
    if errno == PROGRESS_ERRNO:
        raise RemoteProtocolError("progress report, which this client did not ask for")
    sqlstate = ""
    if reader.left() >= 6 and payload[reader.pos] == ord("#"):
        sqlstate = reader.raw(6)[1:].decode("ascii", "backslashreplace")
    message = reader.rest()
    if len(message) > MESSAGE_SIZE:
        message = message[:MESSAGE_SIZE] + b"..."
    return ErrPacket(errno, sqlstate, message.decode("utf-8", "backslashreplace"))


def decode_auth_switch(payload: bytes) -> AuthSwitch:
    """An AuthSwitchRequest; its short form of one byte asks for the password hash of MySQL 3.23."""
    if len(payload) == 1:
        return AuthSwitch("mysql_old_password", b"")
    reader = Reader(payload, "AuthSwitchRequest", 1)
    plugin = reader.nul_terminated().decode("ascii", "backslashreplace")
    return AuthSwitch(plugin, reader.rest())


def decode_column(payload: bytes, extended_metadata: bool) -> ColumnDefinition:
    """A column definition.

    Args:
        payload: the whole payload.
        extended_metadata: MARIADB_EXTENDED_METADATA was negotiated.
    """
    reader = Reader(payload, "column definition")
    names = [reader.lenenc_text() for _ in range(6)]
    extended: dict[int, str] = {}
    if extended_metadata:
        block = Reader(reader.lenenc_bytes(), "extended column metadata")
        while block.left():
            kind = block.u8()
            extended[kind] = block.lenenc_text()
    length = reader.lenenc()
    if length != 12:
        raise reader.malformed(f"announces {length} bytes of fixed fields, which are 12")
    fixed = reader.raw(12)
    reader.done()
    return ColumnDefinition(names, extended, fixed)
