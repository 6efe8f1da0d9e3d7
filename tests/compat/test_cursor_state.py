"""What programs for Connector/Python rely on: the state of cursors."""

from __future__ import annotations

import pytest

import mariadb_py as mariadb
from mariadb_py.constants import EXT_FIELD_TYPE, FIELD_FLAG, FIELD_TYPE
from tests.compat.rows import Database, Rows, fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.compat.rows import Program

FIVE = "SELECT seq FROM seq_1_to_5"
row = Rows()


@row("rowcount is -1 when fresh or after close")
def _(db: Database) -> None:
    cursor = db.cursor()
    assert cursor.rowcount == -1
    cursor.execute(FIVE)
    assert cursor.rowcount == 5
    cursor.close()
    assert cursor.rowcount == -1


@row("rowcount is 0 after DDL and SET")
def _(db: Database) -> None:
    cursor = db.cursor()
    for sql in ("CREATE TEMPORARY TABLE t (a INT)", "SET @a = 1", "DROP TABLE t"):
        cursor.execute(sql)
        assert cursor.rowcount == 0


@row("rowcount of an unbuffered cursor starts at 0 and grows with fetches")
def _(db: Database) -> None:
    cursor = db.cursor(buffered=False)
    cursor.execute(FIVE)
    counts = [cursor.rowcount]
    cursor.fetchone()
    counts.append(cursor.rowcount)
    for size in (2, 1, 1):
        cursor.fetchmany(size)
        counts.append(cursor.rowcount)
    cursor.fetchall()
    assert [*counts, cursor.rowcount] == [0, 1, 3, 4, 5, 5]


@row("rownumber is None without a result")
def _(db: Database) -> None:
    cursor = db.cursor()
    assert cursor.rownumber is None
    cursor.execute("SET @a = 1")
    assert cursor.rownumber is None
    cursor.execute(FIVE)
    cursor.fetchmany(2)
    assert cursor.rownumber == 2


@row("lastrowid starts as None and survives a SELECT")
def _(db: Database) -> None:
    cursor = db.table("id INT AUTO_INCREMENT PRIMARY KEY, a INT")
    assert cursor.lastrowid is None
    cursor.execute("INSERT INTO t (a) VALUES (1), (2)")
    assert cursor.lastrowid == 1
    cursor.execute("SELECT 1")
    assert cursor.lastrowid == 1


@row("after executemany with auto-increment lastrowid is the first id")
def _(db: Database) -> None:
    cursor = db.table("id INT AUTO_INCREMENT PRIMARY KEY, a INT")
    cursor.executemany("INSERT INTO t (a) VALUES (?)", [(7,), (8,), (9,)])
    assert (cursor.rowcount, cursor.lastrowid) == (3, 1)
    cursor.executemany("INSERT INTO t (a) VALUES (?)", [(7,), (8,)])
    assert (cursor.rowcount, cursor.lastrowid) == (2, 4)


@row("cursors are buffered by default")
def _(db: Database) -> None:
    cursor = db.cursor()
    assert cursor.buffered is True
    cursor.execute(FIVE)
    assert cursor.rowcount == 5
    assert db.cursor(buffered=False).buffered is False


@row("fetching and _seek(0) work after connection.close()")
def _(db: Database) -> None:
    connection = db.connect()
    cursor = connection.cursor()
    cursor.execute(FIVE)
    connection.close()
    assert cursor.fetchmany(2) == [(1,), (2,)]
    cursor._seek(0)
    assert cursor.fetchall() == [(1,), (2,), (3,), (4,), (5,)]


@row("cursor.closed becomes True when the connection closes")
def _(db: Database) -> None:
    connection = db.connect()
    cursor = connection.cursor()
    assert cursor.closed is False
    connection.close()
    assert cursor.closed is True


@row("a cursor is iterable; next() gives its rows")
def _(db: Database) -> None:
    cursor = db.cursor()
    cursor.execute(FIVE)
    assert next(cursor) == (1,)
    assert list(cursor) == [(2,), (3,), (4,), (5,)]
    assert list(cursor) == []


@row("closing a cursor twice is fine")
def _(db: Database) -> None:
    cursor = db.cursor()
    cursor.close()
    cursor.close()
    fails(mariadb.ProgrammingError, None, cursor.execute, "SELECT 1")


@row("closing a connection twice raises ProgrammingError")
def _(db: Database) -> None:
    connection = db.connect()
    connection.close()
    fails(mariadb.ProgrammingError, None, connection.close)


@row("closing a pooled connection twice is fine")
def _(db: Database) -> None:
    connection = mariadb.ConnectionPool(pool_name="twice", pool_size=1, **db.arguments).get_connection()
    connection.close()
    connection.close()


@row("scroll by 0, and out of range, raises ProgrammingError")
def _(db: Database) -> None:
    cursor = db.cursor()
    cursor.execute(FIVE)
    cursor.fetchone()
    for value, mode in ((0, "relative"), (9, "relative"), (-2, "relative"), (-1, "absolute"), (6, "absolute")):
        fails(mariadb.ProgrammingError, None, cursor.scroll, value, mode)
    assert cursor.rownumber == 1
    cursor.scroll(2)
    assert cursor.fetchone() == (4,)
    cursor.scroll(0, "absolute")
    assert cursor.fetchone() == (1,)


@row("scroll to behind the last row is out of range")
def _(db: Database) -> None:
    cursor = db.cursor()
    cursor.execute(FIVE)
    fails(mariadb.ProgrammingError, None, cursor.scroll, 5, "absolute")
    assert cursor.fetchone() == (1,)


@row("scrolling an unbuffered cursor raises ProgrammingError")
def _(db: Database) -> None:
    cursor = db.cursor(buffered=False)
    cursor.execute(FIVE)
    fails(mariadb.ProgrammingError, None, cursor.scroll, 1)


@row("a new statement while another cursor's unbuffered rows are pending raises InterfaceError 2014")
def _(db: Database) -> None:
    connection = db.connect()
    one, two = connection.cursor(buffered=False), connection.cursor()
    one.execute(FIVE)
    one.fetchone()
    fails(mariadb.InterfaceError, 2014, two.execute, "SELECT 1")
    assert one.fetchall() == [(2,), (3,), (4,), (5,)]
    two.execute("SELECT 1")
    assert two.fetchall() == [(1,)]


@row("nextset is True or None, never False")
def _(db: Database) -> None:
    cursor = db.connect(client_flag=mariadb.constants.CLIENT.MULTI_STATEMENTS).cursor()
    cursor.execute("SELECT 1; SELECT 2")
    assert cursor.nextset() is True
    assert cursor.fetchall() == [(2,)]
    assert cursor.nextset() is None
    cursor.execute("SET @a = 1")
    assert cursor.nextset() is None


@row("description has 11 items: the usual 7, then flags, table, org_name, org_table")
def _(db: Database) -> None:
    cursor = db.table("a INT NOT NULL")
    cursor.execute("SELECT a AS b FROM t AS x")
    (item,) = cursor.description or ()
    assert (len(item), item[:2], item[6]) == (11, ("b", FIELD_TYPE.LONG), False)
    assert item[7] & FIELD_FLAG.NOT_NULL
    assert item[8:] == ("x", "a", "t")


@row("an indexed column shows PART_KEY")
def _(db: Database) -> None:
    cursor = db.table("a INT, b INT, KEY (a)")
    cursor.execute("SELECT a, b FROM t")
    flags = [mariadb.fieldinfo().flag(item) for item in cursor.description or ()]
    assert flags == ["PART_KEY | NUMERIC", "NUMERIC"]


@row("JSON is reported through fieldinfo as type 245; metadata says BLOB, with EXT_FIELD_TYPE.JSON")
def _(db: Database) -> None:
    cursor = db.table("a JSON")
    cursor.execute("SELECT a FROM t")
    (item,) = cursor.description or ()
    assert (item[1], mariadb.fieldinfo().type(item)) == (FIELD_TYPE.JSON, "JSON") == (245, "JSON")
    metadata = cursor.metadata or {}
    assert metadata["type"] == (FIELD_TYPE.BLOB,)
    assert metadata["ext_type_or_format"] == (EXT_FIELD_TYPE.JSON,)


@row("_resulttype tells the kind of rows; 2 is dictionary")
def _(db: Database) -> None:
    kinds = ({}, {"named_tuple": True}, {"dictionary": True})
    assert [db.cursor(**kind)._resulttype for kind in kinds] == [0, 1, 2]


@row("_transformed_statement is the statement as bytes")
def _(db: Database) -> None:
    cursor = db.cursor()
    cursor.execute("SELECT ?, 'é'", ("a",))
    assert cursor._transformed_statement == b"SELECT 'a', '\xc3\xa9'"


@row("conn._used counts how often the pool gave a connection out")
def _(db: Database) -> None:
    pool = mariadb.ConnectionPool(pool_name="used", pool_size=1, **db.arguments)
    pool.get_connection().close()
    connection = pool.get_connection()
    assert connection._used == 2
    connection.close()
    assert db.connect()._used == 0


@row("conn._tls and conn._tls_verify_status exist")
def _(db: Database) -> None:
    connection = db.connect()
    assert connection._tls is False
    assert connection._tls_verify_status == 0


def test_conn_tls_with_tls(tls_db: Database) -> None:
    connection = tls_db.connect(ssl=True, ssl_verify_cert=False)
    assert connection._tls is True
    assert connection._tls_verify_status == 0


@row("mariadb._CONNECTION_POOLS holds the pools by name")
def _(db: Database) -> None:
    pool = mariadb.ConnectionPool(pool_name="named", pool_size=1, **db.arguments)
    assert mariadb._CONNECTION_POOLS["named"] is pool


@pytest.mark.parametrize("program", row)
def test_cursor_state(program: Program, db: Database) -> None:
    program(db)
