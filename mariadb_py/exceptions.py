"""The exceptions of PEP 249, each with errno, sqlstate and the message, and the table that chooses one by error number.

Source: PEP 249; MariaDB documentation, page "MariaDB Error Code Reference"; the numbers below 2100 and from 2000 on are
those of MariaDB's client library.
"""

from __future__ import annotations

CR_UNKNOWN_ERROR = 2000
CR_CONNECTION_ERROR = 2002
CR_IPSOCK_ERROR = 2004
CR_UNKNOWN_HOST = 2005
CR_SERVER_GONE_ERROR = 2006
CR_SERVER_HANDSHAKE_ERR = 2012
CR_SERVER_LOST = 2013
CR_COMMANDS_OUT_OF_SYNC = 2014
CR_NET_PACKET_TOO_LARGE = 2020
CR_SSL_CONNECTION_ERROR = 2026
CR_MALFORMED_PACKET = 2027
CR_AUTH_PLUGIN_ERR = 2061
ER_QUERY_INTERRUPTED = 1317
ER_STATEMENT_TIMEOUT = 1969
ER_QUERY_TIMEOUT = 3024  # the same, from MySQL

GENERAL_ERROR = "HY000"  # the SQLSTATE of errors that have no better one


class Warning(Exception):
    """Something important that is not an error. PEP 249 asks for it; this driver does not raise it."""


class SecurityWarning(UserWarning):
    """A connection is less secure than its user may think; the message says what to do."""


class Error(Exception):
    """Base class of all errors of this driver. `str(error)` is the message.

    Attributes:
        errno: error number, from 1000 on the server's, from 2000 on the client's.
        sqlstate: five characters.
        errmsg, msg: the message.
        rows_done: for executemany(), the rows in the chunks that had been executed before. There may be more: of the
            chunk that failed an engine without transactions (Aria, MyISAM) keeps rows, a transaction that is open keeps
            what UPDATE and DELETE did, and what a lost connection was at is not known. None elsewhere.
    """

    rows_done: int | None = None

    def __init__(self, msg: str = "", errno: int = CR_UNKNOWN_ERROR, sqlstate: str = GENERAL_ERROR) -> None:
        super().__init__(msg)
        self.errno = errno
        self.sqlstate = sqlstate
        self.errmsg = self.msg = msg

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.msg, self.errno, self.sqlstate), self.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.msg!r}, errno={self.errno}, sqlstate={self.sqlstate!r})"


class InterfaceError(Error):
    """The use of the driver or of the connection is wrong, rather than the database."""


class DatabaseError(Error):
    """The database reports an error."""


class DataError(DatabaseError):
    """A value is out of range, too long, or not of its type."""


class OperationalError(DatabaseError):
    """Something that the program may not be to blame for: no connection, no rights, a deadlock."""


class IntegrityError(DatabaseError):
    """A key or another constraint is violated."""


class InternalError(DatabaseError):
    """The database is in trouble itself."""


class ProgrammingError(DatabaseError):
    """The program is wrong: SQL syntax, an unknown table, a closed cursor, too few parameters."""


class NotSupportedError(DatabaseError):
    """The database, or this driver, does not have that."""


class PoolError(Error):
    """A connection pool cannot do what it is asked to do."""


class PoolClosed(PoolError):
    """The pool is closed."""


class PoolTimeout(PoolError):
    """Nobody gave a connection back in time, or the server could not be reached; `__cause__` is why, in that case.

    Attributes:
        stats: what `ConnectionPool.stats()` said at that moment.
        holders: who has the connections, the longest first: (seconds, name of the thread, file:line).
    """

    stats: dict[str, object] | None = None
    holders: tuple[tuple[float, str, str], ...] = ()


class PoolQueueFull(PoolError):
    """`max_waiting` others are waiting for a connection already."""


class DuplicatePoolError(ProgrammingError, PoolError):
    """A pool of that name exists."""


class LostConnectionError(OperationalError, InterfaceError):
    """The connection is lost, or was lost earlier. Whether the last statement was executed is not known.

    Attributes:
        written: the server may have got the statement; False if it is sure that nothing was sent.
    """

    written = True


class CommitOutcomeUnknown(LostConnectionError):
    """The connection was lost after COMMIT was written: it may have been done, or not. Ask the database."""


class UntrustedCertificateError(OperationalError):
    """The server's certificate is of no authority that is trusted."""


class QueryTimeout(OperationalError):
    """A statement did not end within its `timeout`, and was ended.

    The server undoes what it ends. A statement that the client gave up may just have been done all the same.
    """


def error_class(errno: int) -> type[Error]:
    """The class of an error, by its number."""
    found = _CLASSES.get(errno)
    if found is not None:
        return found
    return OperationalError if errno >= 1000 else InternalError


def from_server(errno: int, sqlstate: str, message: str) -> Error:
    """The exception for an error that the server reports."""
    return error_class(errno)(message, errno, sqlstate or GENERAL_ERROR)


_NUMBERS: dict[type[Error], tuple[int, ...]] = {
    QueryTimeout: (ER_STATEMENT_TIMEOUT, ER_QUERY_TIMEOUT),
    InterfaceError: (0, CR_IPSOCK_ERROR, CR_SERVER_HANDSHAKE_ERR, CR_COMMANDS_OUT_OF_SYNC),
    LostConnectionError: (CR_SERVER_GONE_ERROR, CR_SERVER_LOST),
    DataError: (1171, 1230, 1264, 1265, 1365, 1406, 1441),
    ProgrammingError: (
        *(1007, 1049, 1054, 1064, 1065, 1082, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1179),
        *(1449, 1741),
    ),
    IntegrityError: (1048, 1062, 1169, 1215, 1216, 1217, 1364, 1400, 1401, 1451, 1452, 1690, 1826, 4025),
}
_CLASSES = {number: kind for kind, numbers in _NUMBERS.items() for number in numbers}
