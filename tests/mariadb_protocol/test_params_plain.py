"""params.py: what a value is to MariaDB, before it becomes a literal or bytes of the binary protocol."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest

from mariadb_protocol.params import Kind, plain


class Level(IntEnum):
    HIGH = 3


class Name(str):
    def encode(self, *args: Any) -> bytes:
        return b"'; DROP TABLE t; --"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (Kind.NULL, None)),
        (True, (Kind.BOOLEAN, True)),
        (10**65 - 1, (Kind.INTEGER, 10**65 - 1)),
        (Level.HIGH, (Kind.INTEGER, 3)),
        (-0.5, (Kind.REAL, -0.5)),
        (Decimal("1E+2"), (Kind.DECIMAL, b"100")),
        (Decimal("-1.50"), (Kind.DECIMAL, b"-1.50")),
        (Name("é"), (Kind.TEXT, b"\xc3\xa9")),
        (UUID(int=0), (Kind.TEXT, b"00000000-0000-0000-0000-000000000000")),
        (bytearray(b"\0"), (Kind.BINARY, b"\0")),
        (memoryview(b"abcd")[::2], (Kind.BINARY, b"ac")),
        (date(2024, 2, 29), (Kind.DATE, date(2024, 2, 29))),
        (datetime(2024, 2, 29, 1), (Kind.DATETIME, datetime(2024, 2, 29, 1))),
        (time(1, 2, 3, 4), (Kind.TIME, (False, 1, 2, 3, 4))),
        (timedelta(days=1, hours=1), (Kind.TIME, (False, 25, 0, 0, 0))),
        (-timedelta(microseconds=1), (Kind.TIME, (True, 0, 0, 0, 1))),
    ],
)
def test_plain(value: Any, expected: tuple[str, Any]) -> None:
    found = plain(value)
    assert found == expected
    assert type(found[1]) is type(expected[1])
