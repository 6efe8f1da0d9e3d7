"""Kept statements belong to the database and sql_mode in which they were prepared."""

from __future__ import annotations

import pytest

from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.server import Connector


@pytest.mark.parametrize("by_statement", [True, False])
def test_another_database(connect: Connector, by_statement: bool) -> None:
    connection = connect(autocommit=True)
    with connection.cursor() as cursor:
        create(connection, "DATABASE elsewhere")
        for database in ("test", "elsewhere"):
            create(connection, f"TABLE {database}.placed (n INT)")
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


def test_a_prepared_cursor_keeps_its_own_statement(connect: Connector) -> None:
    connection = connect(autocommit=True)
    with connection.cursor(prepared=True) as cursor, connection.cursor() as other:
        create(connection, "TABLE kept_apart (n INT)")
        cursor.execute("SELECT ?", (5,))
        cursor.executemany("INSERT INTO kept_apart VALUES (?)", [(1,), (2,)])
        connection.reset()
        cursor.execute("SELECT ?", (9,))
        assert cursor.fetchall() == [(9,)]
        create(connection, "PROCEDURE doubled(x INT) SELECT x * 2")
        cursor.callproc("doubled", (21,))
        assert cursor.fetchall() == [(42,)]
        other.execute("DROP PROCEDURE doubled")
        other.execute("SELECT n FROM kept_apart ORDER BY n")
        assert other.fetchall() == [(1,), (2,)]
        other.execute("DROP TABLE kept_apart")
