"""Large packets, and everything once over compressed ones."""

from __future__ import annotations

import io
import random
import re

import pytest

from mariadb_py.exceptions import OperationalError, ProgrammingError
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

MIB = 1 << 20


def affected(connection: Connection, sql: str | bytes, data: Any = None, **keywords: Any) -> Any:
    with connection.cursor(**keywords) as cursor:
        cursor.execute(sql, data)
        return cursor.fetchall() if cursor.description else cursor.rowcount


# Compression


def basics(connection: Connection) -> None:
    create(connection, "TEMPORARY TABLE basic (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)")
    assert affected(connection, "INSERT INTO basic (v) VALUES (?)", ("\u6e2c" * 1000,)) == 1
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO basic (v) VALUES (?)", ((f"{n}" * 50,) for n in range(5000)))
        assert cursor.rowcount == 5000
    connection.commit()


def many_rows(connection: Connection) -> None:
    with connection.cursor(buffered=False) as cursor:
        cursor.execute("SELECT seq, REPEAT(CHAR(65 + seq % 26 USING utf8mb4), seq % 300) FROM seq_1_to_20000")
        for number, (seq, text) in enumerate(cursor, 1):
            assert (seq, text) == (number, chr(65 + number % 26) * (number % 300))
        assert number == 20_000


def server_side(connection: Connection) -> None:
    with connection.cursor(cursor_type=1, prefetch_size=700) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_5000")
        for (seq,) in cursor:
            if seq % 1000 == 0:
                assert works(connection)
        assert cursor.rowcount == 5000


def procedure(connection: Connection) -> None:
    create(connection, "PROCEDURE compressed(x INT, OUT y INT) BEGIN SELECT x; SET y = x + 1; END")
    with connection.cursor() as cursor:
        cursor.callproc("compressed", (1, None))
        assert [cursor.fetchall(), cursor.nextset(), cursor.fetchall()] == [[(1,)], True, [(2,)]]


def errors(connection: Connection) -> None:
    for keywords in ({}, {"binary": True}):
        with pytest.raises(ProgrammingError):
            affected(connection, "SELECT nothing, ?", (1,), **keywords)
        assert works(connection)


def random_bytes(connection: Connection) -> None:
    for size in (0, 1, 49, 50, 51, 1000, 100_000, 3 * MIB):
        data = random.Random(size).randbytes(size)
        assert affected(connection, "SELECT ?", (data,)) == [(data,)]


def local_file(connection: Connection) -> None:
    create(connection, "TEMPORARY TABLE loaded (v INT)")
    with connection.cursor() as cursor:
        lines = b"".join(b"%d\n" % number for number in range(100_000))
        cursor.execute("LOAD DATA LOCAL INFILE 'x' INTO TABLE loaded", local_infile=io.BytesIO(lines))
        assert cursor.rowcount == 100_000
    assert ask(connection, "SELECT SUM(v) FROM loaded") == 99_999 * 50_000


def session(connection: Connection) -> None:
    connection.ping()
    connection.reset()
    assert works(connection)
    connection.reconnect()
    assert works(connection)
    connection.autocommit = True
    connection.begin()
    connection.rollback()


ALL = [basics, many_rows, server_side, procedure, errors, random_bytes, local_file, session]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("part", ALL)
def test_everything_once(connect: Connector, compress: bool, part: Callable[[Connection], None]) -> None:
    connection = connect(compress=compress, local_infile=True)
    status = affected(connection, "SHOW SESSION STATUS LIKE 'Compression'")
    assert status == [("Compression", "ON" if compress else "OFF")]
    part(connection)
    assert works(connection)


def test_another_user_over_a_compressed_connection(connect: Connector) -> None:
    connection, server = connect(compress=True), connect.server
    for _ in range(2):
        connection.change_user(server.user, server.password, server.database)
        assert works(connection)
    assert affected(connection, "SHOW SESSION STATUS LIKE 'Compression'") == [("Compression", "ON")]


# Large packets


@pytest.fixture(scope="module")
def incompressible() -> bytes:
    return random.Random(64).randbytes(64 * MIB)


@pytest.fixture
def large_packets(connect_own: Connector) -> Iterator[Connector]:
    """Opens connections to a server that takes packets of 80 MiB."""
    ask(connect_own(), f"SET GLOBAL max_allowed_packet = {80 * MIB}")
    try:
        yield connect_own
    finally:
        ask(connect_own(), "SET GLOBAL max_allowed_packet = DEFAULT")


@pytest.mark.parametrize("compress", [True, False])
def test_a_blob_of_64_mib_out_and_back(large_packets: Connector, incompressible: bytes, compress: bool) -> None:
    connection = large_packets(compress=compress)
    create(connection, "TEMPORARY TABLE big (v LONGBLOB)")
    assert affected(connection, "INSERT INTO big VALUES (?)", (incompressible,)) == 1
    assert affected(connection, "SELECT v FROM big", buffered=False)[0][0] == incompressible  # by text
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO big VALUES (?)", [(b"",), (incompressible,), (b"x",)])
        assert cursor.rowcount == 3
    assert affected(connection, "SELECT COUNT(*) FROM big GROUP BY v ORDER BY 1") == [(1,), (1,), (2,)]
    assert works(connection)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("size", [0xFFFFFF - 1, 0xFFFFFF, 0xFFFFFF + 1, 2 * 0xFFFFFF, 2 * 0xFFFFFF + 1])
def test_statements_that_just_fill_packets(large_packets: Connector, size: int, compress: bool) -> None:
    connection = large_packets(compress=compress)
    head, tail = "SELECT LENGTH('", "')"
    fill = "x" * (size - 1 - len(head) - len(tail))  # one byte is the command's
    assert ask(connection, head + fill + tail) == len(fill)
    assert ask(connection, f"SELECT REPEAT('y', {size - 4})") == "y" * (size - 4)  # and so does the row


LIMIT = 16 * MIB


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("kind", ["text", "parameter", "binary", "prepared", "bytes", "executemany"])
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, 40 * MIB])
def test_what_is_too_large_is_not_sent(connect: Connector, compress: bool, kind: str, size: int) -> None:
    connection = connect(compress=compress)
    data = "x" * size
    cursor = connection.cursor(binary=kind == "binary", prepared=kind == "prepared")
    with pytest.raises(OperationalError) as caught:
        if kind == "text":
            cursor.execute(f"SELECT '{data}'")
        elif kind == "executemany":
            cursor.executemany("DO LENGTH(?)", [(data,)])
        else:
            cursor.execute("SELECT ?", (data.encode() if kind == "bytes" else data,))
    assert caught.value.errno == 2020
    found = re.search(r" has (\d+) bytes", str(caught.value))
    assert found is not None
    assert size <= int(found[1]) < size + 200
    assert str(caught.value).endswith(f"max_allowed_packet is {LIMIT}; nothing was sent")
    assert (cursor.rowcount, cursor.description) == (-1, None)
    assert works(connection)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_what_just_fits_is_sent(connect: Connector, kind: str) -> None:
    data = "x" * (LIMIT - 100)
    assert affected(connect(), "SELECT ?", (data,), binary=kind == "binary") == [(data,)]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("kind", ["text", "statement", "binary", "prepared", "many parameters"])
def test_at_the_border_it_is_refused_or_it_works(connect_own: Connector, compress: bool, kind: str) -> None:
    """Never is a connection lost."""
    limit = 65536
    ask(connect_own(), f"SET GLOBAL max_allowed_packet = {limit}")
    try:
        connection = connect_own(compress=compress, max_allowed_packet=limit)
        marks, more = ("?" + ", ?" * 300, [None] * 300) if kind == "many parameters" else ("?", [])
        head, fits = f"SELECT {marks} -- ", set()
        for size in range(limit - (1000 if more else 60), limit + 1):
            text, data = ("x", "x" * size) if kind != "statement" else ("x" * (size - len(head)), "x")
            keywords = {} if kind == "text" else {"prepared": True} if kind == "prepared" else {"binary": True}
            try:
                assert affected(connection, head + text, (data, *more), **keywords)[0][0] == data
                fits.add(size)
            except OperationalError as error:
                assert error.errno == 2020
        assert works(connection)
        # The server takes less than its limit, where a compressed packet counts with its header.
        largest = {"statement": limit - 2, "binary": limit - 18, "prepared": limit - 18, "many parameters": limit - 655}
        assert max(fits) == largest.get(kind, limit - 16) - 4 * compress
        assert fits == set(range(min(fits), max(fits) + 1))
    finally:
        ask(connect_own(), "SET GLOBAL max_allowed_packet = DEFAULT")


def test_the_limit_is_asked_for_once_and_only_if_it_matters(connect: Connector) -> None:
    connection = connect()

    def selects() -> int:
        return int(affected(connection, "SHOW SESSION STATUS LIKE 'Com_select'")[0][1])

    before = selects()
    for size, expected in [(MIB - 100, 1), (MIB, 3), (MIB, 4), (5 * MIB, 5), (100, 6)]:
        affected(connection, f"SELECT '{'x' * size}'")
        assert selects() - before == expected


def test_a_limit_that_the_user_gives(connect: Connector) -> None:
    connection = connect(max_allowed_packet=2000)
    with pytest.raises(OperationalError, match="max_allowed_packet is 2000"):
        affected(connection, f"SELECT '{'x' * 2000}'")
    with pytest.raises(OperationalError, match="max_allowed_packet is 2000"):
        affected(connection, "SELECT ?", ("x" * 2000,), binary=True)
    with connection.cursor() as cursor:
        create(connection, "TEMPORARY TABLE t (v VARCHAR(1000))")
        cursor.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
        assert cursor.rowcount == 100
    assert works(connection)
