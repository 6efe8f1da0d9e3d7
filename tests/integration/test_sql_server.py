"""The SQL scanner against the server's own lexer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

import mariadb_py
from mariadb_protocol.sql import parse
from tests.support.prepare import count_parameters
from tests.support.server import create

if TYPE_CHECKING:
    from mariadb_py.testing import TempServer
    from tests.support.server import Connector

SQL_MODES = ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
ROUNDS = 16000  # statements of one sql_mode, of which the server accepts about one in twelve
ACCEPTED = 1000  # at least, or the test says little

# What a lexer knows, bit by bit.
PIECES = [
    *(b"?", b"'", b'"', b"`", b"\\", b"#", b"-", b"--", b"-- ", b"\n", b"\0", b"\t", b"\x7f", b"\x01", b" ", b","),
    *(b"/*", b"*/", b"/*!", b"/*M!", b"50101", b"/*!50101", b"/*!999999", b"/*M!50701", b"/*!50701", b"/* x */"),
    *(b"/", b"*", b"%", b".", b"\xc3\xa9", b"$", b"+", b"e", b"@", b"a", b"1", b"'a'", b"?,", b"1,"),
]
# What scanners get wrong.
FRAGMENTS = [
    *(b"?", b"1", b"a", b"select", b"as", b",", b"(", b")", b"+", b"-", b"*", b"/", b"%", b" ", b"\n", b"\0", b"\\N"),
    # strings and quoted names
    *(b"'a'", b"'?'", b'"?"', b"`?`", b"'it''s ?'", b"'\\'?'", b'"a\\"?"', b"'\\\\'", b"`a``?`", b'"a""?"', b"x'41'"),
    *(b"N'?'", b"_utf8'?'", b"''", b"``", b"'\\", b"'\xc3\\'?'", b"0x3f"),
    # comments, and what only looks like one
    *(b"--", b"#", b"-- ?\n", b"#?\n", b"--?", b"5--1", b"--\t?\n", b"--\x01?\n", b"--\x7f?\n", b"# ?\0", b"?--?"),
    *(b"/**/", b"/* ? */", b"/* ' */", b"/*?*", b"/*/?*/", b"*/", b"*/*", b"/* /* ? */", b"/*+ ? */", b"/*m! ? */"),
    # comments that the server executes, or not
    *(b"/*!", b"/*! ? */", b"/*! 1 */", b"/*!50101 ?*/", b"/*M! ? */", b"/*M!100100 ? */", b"/*!100100?*/"),
    *(b"/*!50701 ? */", b"/*M!50701 ? */", b"/*!999999 ? */", b"/*M!999999 ? /* x */ ? */", b"/*!50799 /* ? */ ? */"),
    *(b"/*!50101 /* ? */ ? */", b"/*!5010 ? */", b"/*!501011 ? */", b"/*!1000100 ? */", b"/*!50101 -- ?\n ? */"),
    *(b"/*!50101 # */ ?\n*/", b"/*!50101 '*/' ? */", b"/*!50101 1 + /*!999999 ? */ ? */", b"/*!999999 '*/ '?"),
    *(b"/*!999999 /*/ ? */ ? */", b"/*!999999 /* ? */ /* ? */ ? */"),
    # neighbours of a placeholder
    *(b"?a", b"a?", b"?.5", b"?'a'", b"'a'?", b"-?", b"?-?", b"?$", b"$?", b"@?", b"?@a", b":?", b"\\?"),
    *("é".encode(), "é?".encode(), "?é".encode()),
]


def some_statement(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        end = chance.choice([b"", b" 1", b"*/1", b"'", b"\n1", b" */ 1", b"' 1"])
        return b"select 1," + b"".join(chance.choices(PIECES, k=chance.randint(1, 9))) + end
    fragments = chance.choices(FRAGMENTS, k=chance.randint(1, 4))
    body = chance.choice([b" ", b",", b"", b"+", b" + ", b", "]).join(fragments)
    return b"select " + chance.choice([b"", b"1 ", b"1,", b"1 + "]) + body


# Each has a placeholder that counts if the value gets out of its string, be that into a comment.
ESCAPING = ["\n+?-- ", "*/+?-- ", "'+?-- ", "\\'+?-- "]


@pytest.mark.parametrize("sql_mode", SQL_MODES)
def test_the_server_counts_the_same_placeholders(connect: Connector, sql_mode: str) -> None:
    connection = connect(init_command=f"SET sql_mode='{sql_mode}'")
    no_backslash_escapes, ansi_quotes = "NO_BACKSLASH_ESCAPES" in sql_mode, "ANSI_QUOTES" in sql_mode
    chance = random.Random(sql_mode)
    accepted = filled_in = 0

    def count(text: bytes) -> int | None:
        return connection._link.run(count_parameters(connection._core.session, text))

    for _ in range(ROUNDS):
        text = some_statement(chance)
        expected = count(text)
        if expected is None:
            continue
        statement = parse(
            text,
            no_backslash_escapes=no_backslash_escapes,
            ansi_quotes=ansi_quotes,
            version=connection.server_version,
            mariadb=connection.server_mariadb,
        )
        assert (len(statement.parts) - 1, text) == (expected, text)
        accepted += 1
        if expected:
            new = statement.interpolate(chance.choices(ESCAPING, k=expected), no_backslash_escapes)
            left = count(new)
            assert (left or 0, new) == (0, new)
            filled_in += left is not None
    assert accepted >= ACCEPTED
    assert filled_in >= ACCEPTED // 4


@pytest.mark.parametrize(
    ("text", "parameters", "row"),
    [
        (b"select 5--?", [1], (6,)),
        (b"select 5--?", [-1], (4,)),
        (b"select 5--?, 2", ["3\n + 1 -- "], (8.0, 2)),
        (b"select -?", [-1], (1,)),
        (b"select ?-?", [-1, -1], (0,)),
        (b"select 1 limit?", [1], (1,)),
        (b"select '\\\\'?", ["a"], ("\\a",)),
        (b"select ?'b'", ["a"], ("ab",)),
        (b"select 1/*!+?*/", [2], (3,)),
        (b"select /*!?*/", [50101], (50101,)),
        (b"select 5 %?", [3], (2,)),
        (b"select /*!50101 ? */, /*!999999 ?,*/ 2", ["*/ ?"], ("*/ ?", 2)),
    ],
)
def test_statements_keep_their_meaning(
    connect: Connector, text: bytes, parameters: list[Any], row: tuple[Any, ...]
) -> None:
    cursor = connect().cursor()
    cursor.execute(text, parameters)
    assert cursor.fetchall() == [row]


def test_a_change_of_sql_mode_is_seen_at_once(connect: Connector) -> None:
    connection = connect()
    cursor = connection.cursor()
    for sql_mode in (*SQL_MODES, *reversed(SQL_MODES)):
        cursor.execute(f"SET sql_mode='{sql_mode}'")
        backslash = "\\" if "NO_BACKSLASH_ESCAPES" in sql_mode else "\\\\"
        cursor.execute(f"select '{backslash}', ?", ["\\' ?"])
        assert cursor.fetchone() == ("\\", "\\' ?")
        if "ANSI_QUOTES" in sql_mode:
            cursor.execute('select "a\\", ? from (select 1 as "a\\") as t', [2])
            assert cursor.fetchone() == (1, 2)


# How a stored program sets sql_mode to {mode}, which ends with it; the statements that make it, and one that runs it.
PROGRAMS = {
    "procedure": (["PROCEDURE sets_mode() SET SESSION sql_mode='{mode}'"], "CALL sets_mode()"),
    "function": (
        ["FUNCTION sets_mode() RETURNS INT DETERMINISTIC BEGIN SET SESSION sql_mode='{mode}'; RETURN 1; END"],
        "SELECT sets_mode()",
    ),
    "trigger": (
        ["TABLE moody (v INT)", "TRIGGER sets_mode BEFORE INSERT ON moody FOR EACH ROW SET SESSION sql_mode='{mode}'"],
        "INSERT INTO moody VALUES (1)",
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("mode", SQL_MODES)
@pytest.mark.parametrize("inner", SQL_MODES)
def test_a_stored_program_leaves_another_sql_mode_than_the_server_says(
    connect: Connector, program: str, mode: str, inner: str
) -> None:
    connection = connect()
    cursor = connection.cursor()
    definitions, statement = PROGRAMS[program]
    for definition in definitions:
        create(connection, definition.format(mode=inner))
    cursor.execute(f"SET sql_mode='{mode}'")
    cursor.execute(statement)
    for value in ("\\' ?", b"\\' \xff"):
        cursor.execute("SELECT ?", [value])
        assert cursor.fetchall() == [(value,)]
    backslash = "\\" if "NO_BACKSLASH_ESCAPES" in mode else "\\\\"
    if "ANSI_QUOTES" in mode:
        cursor.execute('select "a\\", ? from (select 1 as "a\\") as t', [2])
        assert cursor.fetchone() == (1, 2)
    else:
        cursor.execute(f'select "{backslash}", "?", ?', [2])
        assert cursor.fetchone() == ("\\", "?", 2)
    cursor.execute("SELECT @@sql_mode")
    assert cursor.fetchone() == (mode,)


@pytest.mark.parametrize("init_command", ["SET sql_mode='ANSI_QUOTES'", "SET session_track_system_variables='*'", ""])
def test_sql_mode_is_known_behind_a_reset(connect: Connector, init_command: str) -> None:
    connection = connect(init_command=init_command)
    server = connect.server
    statement, rows = {
        True: ('select "a\\", ? from (select 1 as "a\\") as t', [(1, 2)]),
        False: ('select "\\"", ?', [('"', 2)]),
    }["ANSI" in init_command]
    for begin in (lambda: None, connection.reset, lambda: connection.change_user(**account(server))):
        begin()
        cursor = connection.cursor()
        cursor.execute(statement, [2])
        assert cursor.fetchall() == rows
        cursor.execute("SET sql_mode='ANSI_QUOTES'" if "ANSI" not in init_command else "SET sql_mode=''")
        cursor.close()


def account(server: TempServer) -> dict[str, Any]:
    return {"user": server.user, "password": server.password, "database": server.database}


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("tracked", ["", "autocommit"])
def test_a_double_quote_needs_to_be_understood(connect: Connector, tracked: str, many: bool) -> None:
    """MySQL has no status flag for ANSI_QUOTES."""
    cursor = connect().cursor()
    run = cursor.executemany if many else cursor.execute
    statement, parameters = 'select "a\\", ? from (select 1 as "a\\") as t', [[2]] if many else [2]
    cursor.execute(f"SET session_track_system_variables='{tracked}'")
    cursor.execute("SET sql_mode='ANSI_QUOTES'")
    if connect.server.mysql:
        with pytest.raises(mariadb_py.ProgrammingError, match="while session_track_system_variables lacks sql_mode"):
            run(statement, parameters)
        cursor.execute("SELECT ?, '\\''", ["\\'"])
        assert cursor.fetchone() == ("\\'", "'")
        cursor.execute("SET session_track_system_variables='sql_mode'")
    cursor.execute(statement, [2])
    assert cursor.fetchone() == (1, 2)


def test_an_unusable_statement_is_not_sent(connect: Connector) -> None:
    cursor = connect().cursor()
    cursor.execute("SET @sent = 0")
    for text, parameters in (
        ("SET @sent = ? + %s", [1, 2]),
        ("SET @sent = ?", [1, 2]),
        ("SET @sent = %(a)s", {"b": 1}),
    ):
        with pytest.raises(mariadb_py.ProgrammingError):
            cursor.execute(text, parameters)
    cursor.execute("SELECT @sent")
    assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("charset", ["gbk", "big5", "sjis", "cp932", "latin1"])
@pytest.mark.parametrize("first", ["\u20ac\\", "\u8a31\\", "\xe9\\", "\xbf\\\\\\", b"\xbf\\", b"\x95\\", b"\x80\\"])
def test_no_injection_in_a_character_set_that_we_do_not_know_of(
    connect: Connector, charset: str, first: str | bytes
) -> None:
    """The user can switch the tracker off; then a backslash may become half a character."""
    cursor = connect().cursor()
    cursor.execute("SET session_track_system_variables = ''")
    cursor.execute(f"SET NAMES {charset}")
    cursor.execute("SET character_set_results = utf8mb4")
    cursor.execute("SELECT ?, ?", (first, " ,31337 -- "))
    assert cursor.fetchall() == [(first, " ,31337 -- ")]


def test_a_backslash_where_only_a_plain_literal_may_stand(connect: Connector) -> None:
    cursor = connect().cursor()
    word = "\u6e2c\\'\\n\u8a66"
    cursor.execute("CREATE TEMPORARY TABLE plain (v INT COMMENT ?)", (word,))
    cursor.execute("SHOW FULL COLUMNS FROM plain")
    assert cursor.fetchall()[0][-1] == word
    cursor.execute("SELECT ? COLLATE utf8mb4_bin = ?", (word,) * 2)
    assert cursor.fetchone() == (1,)
    if not connect.server.mysql:
        cursor.execute("SELECT PASSWORD(?) = PASSWORD(?)", (word,) * 2)
        assert cursor.fetchone() == (1,)
    cursor.execute("DROP USER IF EXISTS ?", ("plain\\\u6e2c",))
    cursor.execute("CREATE USER ? IDENTIFIED BY ?", ("plain\\\u6e2c", word))
    cursor.execute("DROP USER ?", ("plain\\\u6e2c",))


@pytest.mark.parametrize("charset", ["gbk", "big5", "sjis", "latin1"])
def test_parameters_need_a_safe_character_set(connect: Connector, charset: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SET SESSION session_track_system_variables='character_set_client'")
    cursor.execute(f"SET NAMES {charset}")
    with pytest.raises(mariadb_py.ProgrammingError, match=f"not safe while character_set_client is {charset}"):
        cursor.execute("SELECT ?", ["\xbf'"])
    cursor.execute("SELECT 1")  # without parameters it is the user's own text
    assert cursor.fetchone() == (1,)
    for safe in ("utf8mb4", "utf8mb3"):
        cursor.execute(f"SET NAMES {safe}")
        cursor.execute("SELECT ?", ["\xbf'"])
        assert cursor.fetchone() == ("\xbf'",)


def test_placeholder_styles(connect: Connector) -> None:
    cursor = connect().cursor()
    cursor.execute("SELECT %(測試)s, %(a)s, %(測試)s", {"測試": "é", "a": 1, "b) OR (1": 2})
    assert cursor.fetchone() == ("é", 1, "é")
    cursor.execute("SELECT %s, %d, '%s', 5 % 3", ["a", 2])
    assert cursor.fetchone() == ("a", 2, "%s", 2)
    with pytest.raises(mariadb_py.ProgrammingError):
        cursor.execute("SELECT 5 %% ?", [3])  # %% is left alone, and no SQL
