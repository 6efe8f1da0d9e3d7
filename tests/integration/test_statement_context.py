"""Kept statements belong to the database and sql_mode in which they were prepared."""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.server import Connector


@pytest.mark.parametrize("by_statement", [True, False])
def test_another_database(connect: Connector, by_statement: bool) -> None:
    connection = connect(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE elsewhere")
        for database in ("test", "elsewhere"):
            cursor.execute(f"CREATE OR REPLACE TABLE {database}.placed (n INT)")
        cursor.execute("INSERT INTO placed VALUES (?)", (1,))
        cursor.execute("USE elsewhere") if by_statement else connection.select_db("elsewhere")
        cursor.execute("INSERT INTO placed VALUES (?)", (2,))
        cursor.executemany("INSERT INTO placed VALUES (?)", [(3,)])
        cursor.execute("SELECT n FROM elsewhere.placed ORDER BY n")
        assert cursor.fetchall() == [(2,), (3,)]
        cursor.execute("DROP TABLE test.placed")
        cursor.execute("DROP DATABASE elsewhere")


def test_another_sql_mode(connect: Connector) -> None:
    connection = connect(binary=True)
    with connection.cursor() as cursor:
        answers = []
        for mode in ("", "PIPES_AS_CONCAT", ""):
            cursor.execute(f"SET sql_mode='{mode}'")
            cursor.execute("SELECT 'x' || ?", ("y",))
            answers.append(cursor.fetchone()[0])
        assert answers == [0, "xy", 0]
