"""Names of types and flags."""

from __future__ import annotations

import pytest

import mariadb_py
from mariadb_py.constants import FIELD_FLAG, FIELD_TYPE
from mariadb_py.field import fieldinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.support.server import Connector


def item(type_code: int, flags: int) -> tuple[Any, ...]:
    """A column's item of a description; fieldinfo reads two of the eleven."""
    return ("c", type_code, 0, 0, 0, 0, True, flags, "", "", "")


# Type code and flags of columns, and what Connector/Python 1.1.14 makes of them.
@pytest.mark.parametrize(
    ("column", "type_code", "flags", "type_name", "flag_names"),
    [
        (
            "int unsigned auto_increment primary key",
            *(3, 49699, "LONG", "NOT_NULL | PRIMARY_KEY | UNSIGNED | AUTO_INCREMENT | NUMERIC"),
        ),
        ("varchar unique", 253, 16388, "VAR_STRING", "UNIQUE_KEY"),
        ("int not null, key", 3, 53257, "LONG", "NOT_NULL | PART_KEY | NO_DEFAULT | NUMERIC"),
        ("int zerofill", 3, 32864, "LONG", "UNSIGNED | ZEROFILL | NUMERIC"),
        ("tinyint", 1, 32768, "TINY", "NUMERIC"),
        ("decimal", 246, 32768, "NEWDECIMAL", "NUMERIC"),
        ("bit", 16, 32, "BIT", "UNSIGNED"),
        ("date", 10, 128, "DATE", "BINARY"),
        (
            "timestamp on update",
            *(7, 9377, "TIMESTAMP", "NOT_NULL | UNSIGNED | BINARY | TIMESTAMP | UPDATE_TIMESTAMP"),
        ),
        ("blob", 252, 144, "BLOB", "BLOB | BINARY"),
        ("set", 254, 2048, "STRING", "SET"),
        ("json", 245, 144, "JSON", "BLOB | BINARY"),
        ("point", 255, 144, "GEOMETRY", "BLOB | BINARY"),
        ("null", 6, 32896, "NULL", "BINARY | NUMERIC"),
    ],
)
def test_names_are_those_of_connector_python(
    column: str, type_code: int, flags: int, type_name: str, flag_names: str
) -> None:
    description = item(type_code, flags)
    assert (fieldinfo().type(description), fieldinfo().flag(description)) == (type_name, flag_names)


def test_an_enum_is_named_so() -> None:
    # 16640 is an indexed ENUM column, which Connector/Python 1.1 calls NUMERIC.
    assert fieldinfo().flag(item(FIELD_TYPE.STRING, 16640)) == "ENUM"


@pytest.mark.parametrize(
    "name",
    [
        *("DECIMAL", "TINY", "SHORT", "LONG", "FLOAT", "DOUBLE", "NULL", "TIMESTAMP", "LONGLONG", "INT24", "DATE"),
        *("TIME", "DATETIME", "YEAR", "NEWDATE", "VARCHAR", "BIT", "JSON", "NEWDECIMAL", "ENUM", "SET", "TINY_BLOB"),
        *("MEDIUM_BLOB", "LONG_BLOB", "BLOB", "VAR_STRING", "STRING", "GEOMETRY"),
    ],
)
def test_every_type_that_is_sent_has_a_name(name: str) -> None:
    assert fieldinfo().type(item(getattr(FIELD_TYPE, name), 0)) == name


@pytest.mark.parametrize("type_code", [-1, 17, 19, 20, 244, 256])
def test_a_type_without_a_name_is_none(type_code: int) -> None:
    assert fieldinfo().type(item(type_code, 0)) is None


def test_flags_without_a_name_are_left_out() -> None:
    assert fieldinfo().flag(item(FIELD_TYPE.LONG, 0)) == ""
    assert fieldinfo().flag(item(FIELD_TYPE.LONG, FIELD_FLAG.PART_OF_KEY | FIELD_FLAG.UNIQUE)) == ""


def test_the_package_has_it() -> None:
    assert mariadb_py.fieldinfo is fieldinfo
    assert "fieldinfo" in dir(mariadb_py)


def test_what_a_server_says(connect: Connector) -> None:
    cursor = connect().cursor()
    cursor.execute("CREATE TEMPORARY TABLE t (a VARCHAR(10) NOT NULL PRIMARY KEY, b JSON, c DATETIME, d ENUM('x'))")
    cursor.execute("SELECT a, b, c, d FROM t")
    assert cursor.description is not None
    info = mariadb_py.fieldinfo()
    assert [(info.type(column), info.flag(column)) for column in cursor.description] == [
        ("VAR_STRING", "NOT_NULL | PRIMARY_KEY | NO_DEFAULT"),
        ("JSON", "BLOB | BINARY"),
        ("DATETIME", "BINARY"),
        ("STRING", "ENUM"),
    ]
