"""Type objects and constructors that PEP 249 asks of a module."""

from __future__ import annotations

from datetime import date, datetime, time

from mariadb_protocol.constants import FieldType as F

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class DbApiType(frozenset):  # type: ignore[type-arg]  # subscripting frozenset at run time gains nothing
    """A set of type codes that equals each of its members, so that `description[i][1] == STRING` works."""

    def __eq__(self, other: object) -> bool:
        return other in self if isinstance(other, int) else super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = frozenset.__hash__


BINARY = DbApiType((F.GEOMETRY, F.LONG_BLOB, F.MEDIUM_BLOB, F.TINY_BLOB, F.BLOB))
STRING = DbApiType((F.ENUM, F.JSON, F.STRING, F.VARCHAR, F.VAR_STRING))
NUMBER = DbApiType((F.DECIMAL, F.DOUBLE, F.FLOAT, F.INT24, F.LONG, F.LONGLONG, F.NEWDECIMAL, F.SHORT, F.TINY, F.YEAR))
DATE = DbApiType((F.DATE,))
TIME = DbApiType((F.TIME,))
DATETIME = TIMESTAMP = DbApiType((F.DATETIME, F.TIMESTAMP))
ROWID = DbApiType()

Date = date
Time = time
Timestamp = datetime


def Binary(value: Any) -> bytes:
    """A binary string."""
    return bytes(value)


def DateFromTicks(ticks: float) -> date:
    """The local date of a POSIX time in seconds."""
    return date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> time:
    """The local time of day of a POSIX time in seconds."""
    return datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime:
    """The local date and time of a POSIX time in seconds."""
    return datetime.fromtimestamp(ticks)
