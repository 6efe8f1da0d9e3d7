"""Python values as parameters: text protocol, binary protocol, and what a column gets."""

from __future__ import annotations

import array
import datetime
import enum
import fractions
import ipaddress
import uuid
from decimal import Decimal

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("params")


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


VIENNA = datetime.timezone(datetime.timedelta(hours=1))
hours = datetime.timedelta(hours=1)
VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "int_0": 0,
    "int_negative": -1,
    "int_127": 127,
    "int_128": 128,
    "int_65536": 65536,
    "int_2_31": 2**31,
    "int_2_63": 2**63,
    "int_2_64": 2**64,
    "int_least": -(2**63),
    "int_below_least": -(2**63) - 1,
    "float": 1.25,
    "float_tenth": 0.1,
    "float_large": 1e300,
    "float_small": 1e-300,
    "float_negative_zero": -0.0,
    "nan": float("nan"),
    "inf": float("inf"),
    "decimal": Decimal("1.50"),
    "decimal_integer": Decimal("12"),
    "decimal_exponent": Decimal("1E+3"),
    "decimal_small": Decimal("1E-7"),
    "decimal_long": Decimal("12345678901234567890.123456789"),
    "decimal_nan": Decimal("NaN"),
    "decimal_infinity": Decimal("Infinity"),
    "decimal_minus_nan": Decimal("-NaN"),
    "str": "abc",
    "str_empty": "",
    "str_quotes": "a'b\"c\\d",
    "str_nul": "a\0b",
    "str_unicode": "é😀測",
    "str_surrogate": "\udc80",
    "str_number": "12",
    "str_subclass": Text("abc"),
    "str_long": "x" * 70000,
    "bytes": b"abc",
    "bytes_empty": b"",
    "bytes_all": bytes(range(256)),
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "date": datetime.date(2020, 1, 2),
    "date_first": datetime.date(1, 1, 1),
    "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5),
    "datetime_microseconds": datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
    "datetime_aware": datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=VIENNA),
    "time": datetime.time(3, 4, 5),
    "time_microseconds": datetime.time(3, 4, 5, 6),
    "timedelta": datetime.timedelta(hours=3, minutes=4),
    "timedelta_days": datetime.timedelta(days=1, hours=6),
    "timedelta_negative": datetime.timedelta(hours=-1),
    "timedelta_microseconds": datetime.timedelta(microseconds=1),
    "timedelta_negative_fraction": datetime.timedelta(hours=-1, microseconds=500000),
    "int_enum": Number.ONE,
    "uuid": uuid.UUID(int=1),
    "ipv4": ipaddress.ip_address("1.2.3.4"),
    "fraction": fractions.Fraction(1, 2),
    "complex": 1j,
    "list": [1, 2],
    "dict": {"a": 1},
    "array": array.array("B", b"a"),
    "object": object(),
    "set": {1},
}
for name, value in VALUES.items():
    cases.add(f"text_{name}", lambda o, value=value: o.rows("SELECT ?", (value,)))
    cases.add(f"binary_{name}", lambda o, value=value: o.rows("SELECT ?", (value,), binary=True))

COLUMNS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "int": ("BIGINT", (1, True, "12", Decimal("5"), 2.0, None)),
    "unsigned": ("BIGINT UNSIGNED", (2**63, 2**64 - 1)),
    "double": ("DOUBLE", (0.1, 1, Decimal("2.5"), "3.5")),
    "decimal": ("DECIMAL(30,10)", (Decimal("1.0000000001"), 1, 0.5, 2**64)),
    "varchar": ("VARCHAR(50)", ("é😀", 1, 1.5, Decimal("1.50"), datetime.date(2020, 1, 2))),
    "blob": ("BLOB", (b"\0\xff", "é", bytearray(b"x"))),
    "date": ("DATE", (datetime.date(2020, 1, 2), "2020-01-02", datetime.datetime(2020, 1, 2))),
    "datetime": ("DATETIME(6)", (datetime.datetime(2020, 1, 2, 3, 4, 5, 6), datetime.date(2020, 1, 2))),
    "time": ("TIME(6)", (datetime.time(1, 2, 3, 4), "12:00:00")),
    "time_timedelta": ("TIME(6)", (datetime.timedelta(hours=30), -hours)),
    "json": ("JSON", ('{"a": 1}', "[]")),
    "bit": ("BIT(8)", (5, b"\x07")),
    "year": ("YEAR", (2020, "2021")),
    "enum": ("ENUM('a', 'b')", ("a", 2)),
}
for name, (column, values) in COLUMNS.items():

    def stores(o: Bench, column: str = column, values: tuple[Any, ...] = values) -> Any:
        cursor = o.table(f"id INT AUTO_INCREMENT PRIMARY KEY, a {column}")
        failed = [o.attempt(cursor.execute, "INSERT INTO t (a) VALUES (?)", (value,)) for value in values]
        cursor.execute("SELECT a FROM t ORDER BY id")
        return failed, cursor.fetchall()

    cases.add(f"column_{name}", stores)


@cases
def text_indicator_null(o: Bench) -> Any:
    return o.rows("SELECT ?", (o.m.constants.INDICATOR.NULL,))


@cases
def text_indicator_ignore(o: Bench) -> Any:
    return o.rows("SELECT ?", (o.m.constants.INDICATOR.IGNORE,))


@cases
def text_indicator_unknown(o: Bench) -> Any:
    return o.attempt(lambda: o.rows("SELECT ?", (o.m.constants.INDICATOR.MrdbIndicator(9),)))


for name in ("NULL", "DEFAULT", "IGNORE"):

    def indicator(o: Bench, name: str = name) -> Any:
        cursor = o.table("id INT AUTO_INCREMENT PRIMARY KEY, a INT DEFAULT 7")
        value = getattr(o.m.constants.INDICATOR, name)
        failed = o.attempt(cursor.execute, "INSERT INTO t (a) VALUES (?)", (value,))
        cursor.execute("SELECT a FROM t")
        return failed, cursor.fetchall()

    cases.add(f"indicator_{name}", indicator)
