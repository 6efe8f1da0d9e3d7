"""The module: its attributes, types, constructors, constants, exceptions and fieldinfo."""

from __future__ import annotations

import datetime

from tests.compat.oracle_cases import CONSTANTS, Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("module")

ATTRIBUTES = (
    *("apilevel", "paramstyle", "mariadbapi_version", "client_version_info", "client_version", "_CONNECTION_POOLS"),
)
TYPES = ("BINARY", "STRING", "NUMBER", "DATE", "TIME", "DATETIME", "TIMESTAMP", "ROWID")
EXCEPTIONS = (
    *("Warning", "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError"),
    *("InternalError", "ProgrammingError", "NotSupportedError", "PoolError"),
)


def numbers(module: Any) -> dict[str, Any]:
    """The constants; one that is written as a comparison is a bool in one driver."""
    return {name: int(value) for name, value in sorted(vars(module).items()) if isinstance(value, int)}


for name in ATTRIBUTES:
    cases.add(name, lambda o, name=name: getattr(o.m, name))
for name in TYPES:
    cases.add(f"type_{name}", lambda o, name=name: [n for n in range(256) if getattr(o.m, name) == n])
for name in CONSTANTS:
    cases.add(f"constants_{name}", lambda o, name=name: numbers(getattr(o.m.constants, name)))
for name in EXCEPTIONS:
    cases.add(f"mro_{name}", lambda o, name=name: [kind.__name__ for kind in getattr(o.m, name).__mro__])


@cases
def types_and_not_equal(o: Bench) -> Any:
    return [name for name in TYPES if any((getattr(o.m, name) == n) == (getattr(o.m, name) != n) for n in range(256))]


@cases
def threadsafety(o: Bench) -> Any:
    return o.m.threadsafety == 1


@cases
def public_names(o: Bench) -> Any:
    names = (*ATTRIBUTES, *TYPES, *EXCEPTIONS, "Connection", "Cursor", "ConnectionPool", "DbApiType", "fieldinfo")
    return [name for name in (*names, "connect", "constants", "__version__", "__author__") if not hasattr(o.m, name)]


@cases
def constructors(o: Bench) -> Any:
    m = o.m
    return m.Date(2020, 1, 2), m.Time(3, 4, 5), m.Timestamp(2020, 1, 2, 3, 4, 5), m.Binary(b"ab")


@cases
def constructors_from_ticks(o: Bench) -> Any:
    m = o.m
    return m.DateFromTicks(86400 * 365), m.TimeFromTicks(3661.9), m.TimestampFromTicks(86400 * 365 + 0.5)


@cases
def binary_of_text(o: Bench) -> Any:
    return o.attempt(o.m.Binary, "a")


@cases
def binary_of_bytearray(o: Bench) -> Any:
    return o.m.Binary(bytearray(b"a"))


@cases
def time_with_microseconds(o: Bench) -> Any:
    return o.attempt(o.m.Time, 1, 2, 3, 4) == datetime.time(1, 2, 3, 4)


@cases
def indicators(o: Bench) -> Any:
    names = ("NULL", "DEFAULT", "IGNORE", "IGNORE_ROW")
    found = [getattr(o.m.constants.INDICATOR, name) for name in names]
    return [(type(item).__name__, item.indicator) for item in found]


@cases
def error_without_arguments(o: Bench) -> Any:
    return str(o.m.Error()), str(o.m.ProgrammingError("text"))


@cases
def exceptions_of_the_connection(o: Bench) -> Any:
    connection = o.connect()
    return [getattr(connection, name) is getattr(o.m, name) for name in EXCEPTIONS if name != "PoolError"]


@cases
def pool_error_of_the_connection(o: Bench) -> Any:
    return o.connect().PoolError is o.m.PoolError


def info(name: str, columns: str, method: str) -> None:
    def case(o: Bench) -> Any:
        cursor = o.table(columns)
        cursor.execute("SELECT * FROM t")
        return [getattr(o.m.fieldinfo(), method)(item) for item in cursor.description]

    cases.add(name, case)


NUMERIC = "a TINYINT, b SMALLINT, c MEDIUMINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h DECIMAL(5,2), i YEAR, j BIT(3)"
TEXTS = "a CHAR(3), b VARCHAR(3), c TEXT, d TINYTEXT, e LONGTEXT, f JSON, g BINARY(3), h VARBINARY(3), i LONGBLOB"
TIMES = "a DATE, b TIME, c DATETIME, d TIMESTAMP, e TIMESTAMP DEFAULT NOW() ON UPDATE NOW()"
KEYS = "a INT AUTO_INCREMENT PRIMARY KEY, b INT NOT NULL UNIQUE, c INT UNSIGNED ZEROFILL, d INT, KEY (d)"
for name, columns in {"numbers": NUMERIC, "texts": TEXTS, "times": TIMES, "keys": KEYS}.items():
    info(f"fieldinfo_type_{name}", columns, "type")
    info(f"fieldinfo_flag_{name}", columns, "flag")
info("fieldinfo_type_enum_and_set", "a ENUM('x'), b SET('x')", "type")
info("fieldinfo_flag_enum", "a ENUM('x')", "flag")
info("fieldinfo_flag_set", "a SET('x')", "flag")
info("fieldinfo_type_others", "a UUID, b INET4, c INET6, d POINT", "type")
info("fieldinfo_flag_others", "a UUID, b INET4, c INET6, d POINT", "flag")
