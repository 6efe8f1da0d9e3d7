"""LOAD DATA LOCAL INFILE: only what the statement names or hands over is ever read."""

from __future__ import annotations

import io

import pytest

from mariadb_protocol import LocalInfileRequest
from mariadb_py.constants import CLIENT
from mariadb_py.core.connection import ConnectionCore
from mariadb_py.exceptions import Error, LostConnectionError, NotSupportedError, OperationalError
from tests.support.running import ask, works
from tests.support.server import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from mariadb_py import Connection
    from tests.support.server import Connector

LOAD = "LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded FIELDS TERMINATED BY ','"


@pytest.fixture
def connection(connect: Connector) -> Connection:
    connection = connect(local_infile=True, autocommit=True)
    make_table(connection)
    return connection


def make_table(connection: Connection) -> None:
    create(connection, "TABLE loaded (a INT PRIMARY KEY, b VARCHAR(100))")


def stored(connection: Connection) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT a, b FROM loaded ORDER BY a")
        return cursor.fetchall()


def load(connection: Connection, name: str | Path, source: Any = None, **keywords: Any) -> int:
    with connection.cursor(**keywords) as cursor:
        cursor.execute(LOAD.format(name), local_infile=source)
        return cursor.rowcount


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "it is.csv"
    path.write_bytes(b"1,a\n2,\xe6\xb8\xac\n")
    return path


TWO = [(1, "a"), (2, "\u6e2c")]


# Off unless it is asked for


@pytest.mark.parametrize("source", [None, io.BytesIO(b"1,a\n")])
def test_off_by_default(connect: Connector, file: Path, source: Any) -> None:
    connection = connect()
    make_table(connection)
    with pytest.raises(OperationalError) as caught:
        load(connection, file, source)
    assert caught.value.errno == (3948 if connect.server.mysql else 4166)
    assert works(connection)


def test_the_flag_alone_does_not_switch_it_on(connect: Connector, file: Path) -> None:
    connection = connect(client_flag=CLIENT.LOCAL_FILES)
    make_table(connection)
    with pytest.raises(OperationalError) as caught:
        load(connection, file)
    assert caught.value.errno == (3948 if connect.server.mysql else 4166)


# The file that the statement names


@pytest.mark.parametrize("keywords", [{}, {"buffered": False}])
def test_the_named_file(connection: Connection, file: Path, keywords: dict[str, Any]) -> None:
    assert load(connection, file, **keywords) == 2
    assert stored(connection) == TWO


@pytest.mark.parametrize("name", ['it\'s "quoted"', "back\\slash", "\u6e2c", "semi;colon -- and # more", " spaces "])
@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES"])
def test_names_with_odd_characters(connection: Connection, tmp_path: Path, name: str, mode: str) -> None:
    ask(connection, "SET sql_mode = ?", (mode,))
    path = tmp_path / name
    path.write_bytes(b"1,a\n")
    with connection.cursor() as cursor:
        if mode and "\\" in name:
            # The driver and the server would have to agree about what the name is; in doubt it is refused.
            with pytest.raises(NotSupportedError):
                cursor.execute(LOAD.format(str(path)))
            assert stored(connection) == []
        else:
            cursor.execute(LOAD.format(connection.escape_string(str(path))))
            assert stored(connection) == [(1, "a")]
    assert works(connection)


def test_a_name_as_a_parameter(connection: Connection, file: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOAD DATA LOCAL INFILE ? INTO TABLE loaded FIELDS TERMINATED BY ','", (str(file),))
    assert stored(connection) == TWO


def test_load_xml(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "rows.xml"
    path.write_text('<rows><row a="1" b="x"/><row><a>2</a><b>y</b></row></rows>')
    ask(connection, f"LOAD XML LOCAL INFILE '{path}' INTO TABLE loaded ROWS IDENTIFIED BY '<row>'")
    assert stored(connection) == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    "sql",
    [
        "/* a comment first */ LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded FIELDS TERMINATED BY ','",
        "load  data\n low_priority local infile \"{}\" replace into table loaded fields terminated by ','",
        "LOAD DATA CONCURRENT LOCAL INFILE '{}' IGNORE INTO TABLE loaded FIELDS TERMINATED BY ','",
        "DO 1; LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded FIELDS TERMINATED BY ','",
        pytest.param(
            "SET STATEMENT max_statement_time=9 FOR LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded "
            "FIELDS TERMINATED BY ','",
            marks=pytest.mark.mariadb("MySQL has no SET STATEMENT"),
        ),
    ],
)
def test_statements_are_read_or_refused_but_never_get_stuck(connect: Connector, file: Path, sql: str) -> None:
    connection = connect(local_infile=True, autocommit=True, client_flag=CLIENT.MULTI_STATEMENTS)
    make_table(connection)
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql.format(file))
            while cursor.nextset():
                pass
        except NotSupportedError as error:
            assert "which this statement does not offer" in str(error)
            assert stored(connection) == []
        else:
            assert stored(connection) == TWO
    assert works(connection)


@pytest.mark.parametrize("buffered", [True, False])
def test_in_several_statements_only_the_first_file_is_offered(
    connect: Connector, file: Path, tmp_path: Path, buffered: bool
) -> None:
    connection = connect(local_infile=True, autocommit=True, client_flag=CLIENT.MULTI_STATEMENTS)
    make_table(connection)
    other = tmp_path / "other"
    other.write_bytes(b"3,secret\n")
    with pytest.raises(NotSupportedError, match="other"), connection.cursor(buffered=buffered) as cursor:
        cursor.execute(f"{LOAD.format(file)}; {LOAD.format(other)}; SELECT 1")
        cursor.nextset()
    assert stored(connection) == TWO
    assert works(connection)


@pytest.mark.mariadb("MySQL cannot prepare LOAD DATA")
@pytest.mark.parametrize("kind", ["binary", "prepared", "cursor_type"])
def test_by_the_binary_protocol(connection: Connection, file: Path, kind: str) -> None:
    assert load(connection, file, **{kind: True}) == 2
    assert stored(connection) == TWO
    assert works(connection)


def test_executemany(connection: Connection, file: Path) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(LOAD.format(file).replace("INTO", "REPLACE INTO"), [(), ()])
    assert stored(connection) == TWO
    assert works(connection)


# What the server asks for and the statement does not name


@pytest.mark.parametrize("asked_for", [b"/etc/hostname", b"", b"it is.csv", b"/dev/zero"])
def test_another_file_than_the_named_one(
    connection: Connection, file: Path, asked_for: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the server asked for another name: nothing is opened, and the connection works on."""
    opened: list[bytes] = []
    answer = ConnectionCore.answer_local_request

    def swapped(core: ConnectionCore, request: LocalInfileRequest, *arguments: Any) -> Any:
        core._read_file = lambda name: opened.append(name) or iter(())  # type: ignore[func-returns-value]
        return answer(core, LocalInfileRequest(asked_for), *arguments)

    monkeypatch.setattr(ConnectionCore, "answer_local_request", swapped)
    with pytest.raises(NotSupportedError, match="which this statement does not offer"):
        load(connection, file)
    assert opened == []
    assert stored(connection) == []
    assert works(connection)


def test_a_procedure_or_event_cannot_ask_for_files(connection: Connection) -> None:
    with pytest.raises(Error) as caught:
        create(connection, "PROCEDURE p() LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE loaded")
    assert caught.value.errno == 1314
    assert works(connection)


@pytest.mark.parametrize("name", ["missing", "", "directory"])
@pytest.mark.parametrize("keywords", [{}, {"buffered": False}])
def test_a_file_that_cannot_be_read(
    connection: Connection, tmp_path: Path, name: str, keywords: dict[str, Any]
) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OperationalError, match="cannot be read: "):
        load(connection, tmp_path / name if name else "", **keywords)
    assert stored(connection) == []
    assert works(connection)


# Contents that are handed over


class Stream:
    """Less than a file: only read()."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter((*pieces, b""))

    def read(self, size: int) -> bytes:
        return next(self._pieces)


SOURCES: dict[str, Callable[[], Any]] = {
    "a file in memory": lambda: io.BytesIO(b"1,a\n2,\xe6\xb8\xac\n"),
    "a buffered reader": lambda: io.BufferedReader(io.BytesIO(b"1,a\n2,\xe6\xb8\xac\n")),  # type: ignore[arg-type]
    "an object with read()": lambda: Stream(b"1,a\n2,\xe6", b"\xb8\xac\n"),
    "a list": lambda: [b"1,a\n", b"2,\xe6\xb8\xac\n"],
    "a generator": lambda: (bytes((byte,)) for byte in b"1,a\n2,\xe6\xb8\xac\n"),
    "empty pieces": lambda: [b"", b"1,a\n2,\xe6\xb8", b"", b"\xac\n", b""],
    "bytearrays": lambda: [bytearray(b"1,a\n2,\xe6\xb8\xac\n")],
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("keywords", [{}, {"buffered": False}])
def test_contents(connection: Connection, name: str, keywords: dict[str, Any]) -> None:
    # The name in the statement means nothing then; nothing of that name is opened.
    assert load(connection, "/etc/hostname", SOURCES[name](), **keywords) == 2
    assert stored(connection) == TWO


@pytest.mark.parametrize("nothing", [[], [b""], io.BytesIO()])
def test_no_contents(connection: Connection, nothing: Any) -> None:
    assert load(connection, "nothing", nothing) == 0
    assert works(connection)


@pytest.mark.parametrize("wrong", ["1,a\n", b"1,a\n", 5, object()])
def test_no_contents_at_all(connection: Connection, wrong: Any) -> None:
    with pytest.raises(TypeError):
        load(connection, "x", wrong)
    assert works(connection)


class Trouble(Exception):
    pass


def troubled() -> Iterator[bytes]:
    yield b"1,a\n"
    raise Trouble


@pytest.mark.parametrize(
    ("source", "error"), [(troubled, Trouble), (lambda: [b"1,a\n", "text"], TypeError), (lambda: [None], TypeError)]
)
def test_an_error_in_the_contents_closes_the_connection(
    connect: Connector, connection: Connection, source: Callable[[], Any], error: type[Exception]
) -> None:
    """A part of a file must not pass for the whole: the server learns that there is no end."""
    with pytest.raises(error):
        load(connection, "x", source())
    with pytest.raises(LostConnectionError) as caught:
        works(connection)
    assert caught.value.errno == 2006
    observer = connect()
    ask(observer, "SELECT COUNT(*) FROM loaded FOR UPDATE")  # waits until the server has rolled back
    assert stored(observer) == []


@pytest.mark.parametrize("pieces", [1, 100_000])  # all has been sent when the server refuses, or most has not
def test_the_servers_error_about_the_contents(connection: Connection, pieces: int) -> None:
    with pytest.raises(OperationalError) as caught:
        ask(connection, "SET sql_mode = 'STRICT_ALL_TABLES'")
        with connection.cursor() as cursor:
            sql = LOAD.format("x") + " SET a = a + (SELECT 1 UNION SELECT 2)"
            cursor.execute(sql, local_infile=[b"1,a\n"] + [b"2,b\n"] * pieces)
    assert caught.value.errno == 1242
    assert stored(connection) == []
    assert works(connection)


# Sizes


@pytest.mark.parametrize("compress", [False, True])
def test_a_big_file(connect: Connector, tmp_path: Path, compress: bool) -> None:
    connection = connect(local_infile=True, autocommit=True, compress=compress)
    make_table(connection)
    path = tmp_path / "big"
    lines = [f"{number},{'x' * 90}" for number in range(200_000)]
    path.write_text("\n".join(lines) + "\n")
    assert path.stat().st_size > 18_000_000  # more than a packet may have
    assert load(connection, path) == 200_000
    assert ask(connection, "SELECT COUNT(*) FROM loaded WHERE LENGTH(b) = 90") == 200_000
    ask(connection, "TRUNCATE loaded")
    assert load(connection, "x", [path.read_bytes()]) == 200_000  # one piece
    assert works(connection)
