"""Types of columns, the second item of a description.

Source: MariaDB documentation, page "Result Set Packets", section "Field types".
"""

from __future__ import annotations

from mariadb_protocol.constants import FieldType as _F

DECIMAL = _F.DECIMAL
TINY = _F.TINY
SHORT = _F.SHORT
LONG = _F.LONG
FLOAT = _F.FLOAT
DOUBLE = _F.DOUBLE
NULL = _F.NULL
TIMESTAMP = _F.TIMESTAMP
LONGLONG = _F.LONGLONG
INT24 = _F.INT24
DATE = _F.DATE
TIME = _F.TIME
DATETIME = _F.DATETIME
YEAR = _F.YEAR
NEWDATE = _F.NEWDATE
VARCHAR = _F.VARCHAR
BIT = _F.BIT
# How a server stores fractions of seconds; it sends TIMESTAMP, DATETIME and TIME.
TIMESTAMP2 = 17
DATETIME2 = 18
TIME2 = 19
JSON = _F.JSON
NEWDECIMAL = _F.NEWDECIMAL
ENUM = _F.ENUM
SET = _F.SET
TINY_BLOB = _F.TINY_BLOB
MEDIUM_BLOB = _F.MEDIUM_BLOB
LONG_BLOB = _F.LONG_BLOB
BLOB = _F.BLOB
VAR_STRING = _F.VAR_STRING
STRING = _F.STRING
GEOMETRY = _F.GEOMETRY
