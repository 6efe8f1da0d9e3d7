"""Numbers of the client/server protocol.

Source: MariaDB documentation, pages "Connection", "Result Set Packets", "OK_Packet".
"""

from __future__ import annotations

PROTOCOL_VERSION = 10
DEFAULT_PORT = 3306
MAX_PAYLOAD = 0xFFFFFF  # a packet of this length is continued in the next one
SCRAMBLE_LENGTH = 20


class Capability:
    """Capability flags of both sides; the MariaDB extended ones are shifted left by 32."""

    MYSQL = 1 << 0  # set by MySQL; a MariaDB side clears it to announce that it has extended capabilities
    FOUND_ROWS = 1 << 1
    LONG_FLAG = 1 << 2
    CONNECT_WITH_DB = 1 << 3
    COMPRESS = 1 << 5
    LOCAL_FILES = 1 << 7
    PROTOCOL_41 = 1 << 9
    INTERACTIVE = 1 << 10
    SSL = 1 << 11
    TRANSACTIONS = 1 << 13
    SECURE_CONNECTION = 1 << 15
    MULTI_STATEMENTS = 1 << 16
    MULTI_RESULTS = 1 << 17
    PS_MULTI_RESULTS = 1 << 18
    PLUGIN_AUTH = 1 << 19
    CONNECT_ATTRS = 1 << 20
    PLUGIN_AUTH_LENENC_DATA = 1 << 21
    CAN_HANDLE_EXPIRED_PASSWORDS = 1 << 22
    SESSION_TRACK = 1 << 23
    DEPRECATE_EOF = 1 << 24
    MARIADB_PROGRESS = 1 << 32
    MARIADB_BULK = 1 << 34
    MARIADB_EXTENDED_METADATA = 1 << 35
    MARIADB_CACHE_METADATA = 1 << 36
    MARIADB_BULK_UNIT_RESULTS = 1 << 37
    NO_SCHEMA = 1 << 4
    IGNORE_SPACE = 1 << 8


class Com:
    """First byte of a command packet."""

    QUIT = 0x01
    INIT_DB = 0x02
    QUERY = 0x03
    DEBUG = 0x0D
    PING = 0x0E
    CHANGE_USER = 0x11
    STMT_PREPARE = 0x16
    STMT_EXECUTE = 0x17
    STMT_SEND_LONG_DATA = 0x18
    STMT_CLOSE = 0x19
    STMT_RESET = 0x1A
    STMT_FETCH = 0x1C
    RESET_CONNECTION = 0x1F
    STMT_BULK_EXECUTE = 0xFA


class Header:
    """First byte of an answer packet, where it tells the kind of packet."""

    OK = 0x00
    MORE_DATA = 0x01
    LOCAL_INFILE = 0xFB
    EOF = 0xFE  # also AuthSwitchRequest, and an OK packet that ends rows
    ERR = 0xFF


class Status:
    """Server status flags, in OK and EOF packets."""

    IN_TRANS = 0x0001
    AUTOCOMMIT = 0x0002
    MORE_RESULTS_EXISTS = 0x0008
    QUERY_NO_GOOD_INDEX_USED = 0x0010
    QUERY_NO_INDEX_USED = 0x0020
    CURSOR_EXISTS = 0x0040
    LAST_ROW_SENT = 0x0080
    DB_DROPPED = 0x0100
    NO_BACKSLASH_ESCAPES = 0x0200
    METADATA_CHANGED = 0x0400
    QUERY_WAS_SLOW = 0x0800
    PS_OUT_PARAMS = 0x1000
    IN_TRANS_READONLY = 0x2000
    SESSION_STATE_CHANGED = 0x4000
    ANSI_QUOTES = 0x8000


class FieldType:
    """Column types of a column definition."""

    DECIMAL = 0
    TINY = 1
    SHORT = 2
    LONG = 3
    FLOAT = 4
    DOUBLE = 5
    NULL = 6
    TIMESTAMP = 7
    LONGLONG = 8
    INT24 = 9
    DATE = 10
    TIME = 11
    DATETIME = 12
    YEAR = 13
    NEWDATE = 14
    VARCHAR = 15
    BIT = 16
    JSON = 245
    NEWDECIMAL = 246
    ENUM = 247
    SET = 248
    TINY_BLOB = 249
    MEDIUM_BLOB = 250
    LONG_BLOB = 251
    BLOB = 252
    VAR_STRING = 253
    STRING = 254
    GEOMETRY = 255


class FieldFlag:
    """Flags of a column definition."""

    NOT_NULL = 1
    PRIMARY_KEY = 2
    UNIQUE_KEY = 4
    MULTIPLE_KEY = 8
    BLOB = 16
    UNSIGNED = 32
    ZEROFILL = 64
    BINARY = 128
    ENUM = 256
    AUTO_INCREMENT = 512
    TIMESTAMP = 1024
    SET = 2048
    PART_KEY = 16384
    NO_DEFAULT = 4096
    ON_UPDATE_NOW = 8192
    NUMERIC = 32768  # not sent: the client library of 1.1 adds it to columns with numbers


class Indicator:
    """What stands in front of each value of a bulk execution."""

    VALUE = 0
    NULL = 1
    DEFAULT = 2
    IGNORE = 3
    IGNORE_ROW = 4


class SessionTrack:
    """Types of the entries in the session-state block of an OK packet."""

    SYSTEM_VARIABLES = 0
    SCHEMA = 1
    STATE_CHANGE = 2
    GTIDS = 3
    TRANSACTION_CHARACTERISTICS = 4
    TRANSACTION_STATE = 5


class Collation:
    """Collation ids that the client needs by number."""

    BINARY = 63
    UTF8MB4_GENERAL_CI = 45


class Limits:
    """Bounds on what a server can make the client hold; every name can be given to `Session(limits=...)`.

    Args:
        packet_size: bytes of one payload, over all its packets.
        greeting_size: bytes of the greeting.
        auth_packet_size: bytes of an authentication packet.
        auth_rounds: authentication packets from the server in one login.
        pbkdf2_iterations: rounds of key derivation that the server asks for, in parsec.
        session_track_size: bytes of the session-state block of an OK packet.
        session_variables: system variables that are remembered from session-state blocks.
        session_variables_size: bytes of their names and values together.
        columns: columns of a result set.
        metadata_size: bytes of the column definitions of a result set or prepared statement together.
        results: results of a statement that is read whole; a result set counts for eight, other results for one.
        decimal_digits: characters of a DECIMAL in text.
    """

    __slots__ = (
        "auth_packet_size",
        "auth_rounds",
        "columns",
        "decimal_digits",
        "greeting_size",
        "metadata_size",
        "packet_size",
        "pbkdf2_iterations",
        "results",
        "session_track_size",
        "session_variables",
        "session_variables_size",
    )

    def __init__(
        self,
        *,
        packet_size: int = 1 << 30,
        greeting_size: int = 4096,
        auth_packet_size: int = 1 << 16,
        auth_rounds: int = 10,
        pbkdf2_iterations: int = 8192,
        session_track_size: int = 1 << 16,
        session_variables: int = 4096,
        session_variables_size: int = 1 << 20,
        columns: int = 65535,
        metadata_size: int = 8 << 20,
        results: int = 1 << 18,
        decimal_digits: int = 81,
    ) -> None:
        self.packet_size = packet_size
        self.greeting_size = greeting_size
        self.auth_packet_size = auth_packet_size
        self.auth_rounds = auth_rounds
        self.pbkdf2_iterations = pbkdf2_iterations
        self.session_track_size = session_track_size
        self.session_variables = session_variables
        self.session_variables_size = session_variables_size
        self.columns = columns
        self.metadata_size = metadata_size
        self.results = results
        self.decimal_digits = decimal_digits
