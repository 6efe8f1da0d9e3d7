"""A MariaDB client in pure Python, without dependencies. Source of the interface: PEP 249."""

from __future__ import annotations

from .connection import Connection
from .cursor import Cursor
from .dbapi import (
    BINARY,
    DATE,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    TIME,
    TIMESTAMP,
    Binary,
    Date,
    DateFromTicks,
    DbApiType,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)
from .entry import connect
from .exceptions import (
    CommitOutcomeUnknown,
    DatabaseError,
    DataError,
    DuplicatePoolError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    LostConnectionError,
    NotSupportedError,
    OperationalError,
    PoolClosed,
    PoolError,
    PoolQueueFull,
    PoolTimeout,
    ProgrammingError,
    QueryTimeout,
    SecurityWarning,
    UntrustedCertificateError,
    Warning,
)
from .lease import NullPool
from .pool import _CONNECTION_POOLS, ConnectionPool, create_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import constants
    from .aio import AsyncConnection, AsyncConnectionPool, AsyncCursor, create_async_pool
    from .aio import connect as asyncConnect
    from .aio import connect as connect_async
    from .field import fieldinfo

__author__ = "mariadb_py authors"
__version__ = "0.1.0"
__version_info__ = (0, 1, 0)

# There is no client library here. Programs compare its version to know what they can use, hence that of the library
# which Connector/Python 1.1.14 comes with.
mariadbapi_version = "3.3.20"
client_version_info = (3, 3, 20)
client_version = 30320  # major * 10000 + minor * 100 + patch

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

__all__ = [
    "BINARY",
    "DATE",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "TIME",
    "TIMESTAMP",
    "_CONNECTION_POOLS",
    "AsyncConnection",
    "AsyncConnectionPool",
    "AsyncCursor",
    "Binary",
    "CommitOutcomeUnknown",
    "Connection",
    "ConnectionPool",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "DbApiType",
    "DuplicatePoolError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "LostConnectionError",
    "NotSupportedError",
    "NullPool",
    "OperationalError",
    "PoolClosed",
    "PoolError",
    "PoolQueueFull",
    "PoolTimeout",
    "ProgrammingError",
    "QueryTimeout",
    "SecurityWarning",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "UntrustedCertificateError",
    "Warning",
    "__author__",
    "__version__",
    "__version_info__",
    "aio",
    "apilevel",
    "asyncConnect",
    "client_version",
    "client_version_info",
    "connect",
    "connect_async",
    "constants",
    "create_async_pool",
    "create_pool",
    "fieldinfo",
    "mariadbapi_version",
    "paramstyle",
    "threadsafety",
]

# Loaded when first asked for: modules, and what is in them. Hidden from the type checker, to which it would say that
# any name is there.
if not TYPE_CHECKING:
    _LATER = {
        "aio": (".aio", ""),
        "constants": (".constants", ""),
        "fieldinfo": (".field", "fieldinfo"),
        "asyncConnect": (".aio", "connect"),
        "connect_async": (".aio", "connect"),
        **{name: (".aio", name) for name in ("AsyncConnection", "AsyncConnectionPool", "AsyncCursor")},
        "create_async_pool": (".aio", "create_async_pool"),
    }

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module, attribute = _LATER[name]
        found = import_module(module, __name__)
        return getattr(found, attribute) if attribute else found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
