"""Cursors of all kinds: state, fetching, results."""

from __future__ import annotations

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("cursor")

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "unbuffered": {"buffered": False},
    "dictionary": {"dictionary": True},
    "named_tuple": {"named_tuple": True},
    "prepared": {"prepared": True},
    "binary": {"binary": True},
    "server_side": {"cursor_type": 1, "prefetch_size": 2},
    "server_side_unbuffered": {"cursor_type": 1, "prefetch_size": 2, "buffered": False},
    "unbuffered_binary": {"buffered": False, "binary": True},
}
FIVE = "SELECT seq, CONCAT('n', seq) AS name FROM seq_1_to_5"


def state(cursor: Any) -> Any:
    return cursor.rowcount, cursor.rownumber, cursor.lastrowid, cursor.field_count, cursor.warnings


for kind, keywords in KINDS.items():

    def fetches(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        cursor.execute(FIVE)
        first = cursor.fetchone()
        two = cursor.fetchmany(2)
        return first, two, cursor.fetchall(), cursor.fetchone(), cursor.fetchmany(3), cursor.fetchall()

    def states(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        found = [state(cursor)]
        cursor.execute(FIVE)
        found.append(state(cursor))
        for _ in range(6):
            cursor.fetchone()
            found.append(state(cursor))
        return found

    def iterates(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        cursor.execute(FIVE)
        return list(cursor), list(cursor), cursor.rowcount

    def twice(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        cursor.execute(FIVE)
        cursor.fetchone()
        cursor.execute(FIVE)
        return cursor.fetchall()

    def parameters(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        cursor.execute("SELECT ? AS a, ? AS b, ? AS c", (1, "x", None))
        return cursor.fetchall()

    def no_rows(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        cursor.execute("SELECT 1 FROM DUAL WHERE 1 = 0")
        return state(cursor), cursor.fetchone(), cursor.fetchall(), state(cursor)

    def scrolls(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        cursor.execute(FIVE)
        found = [o.attempt(cursor.scroll, 2), cursor.rownumber]
        if not cursor.rownumber:
            return found
        return [*found, cursor.fetchone(), o.attempt(cursor.scroll, 1, mode="absolute"), cursor.fetchone()]

    def description(o: Bench, keywords: dict[str, Any] = keywords) -> Any:
        cursor = o.cursor(**keywords)
        before = cursor.description
        cursor.execute(FIVE)
        return before, [item[:2] for item in cursor.description], len(cursor.description[0])

    for case in (fetches, states, iterates, twice, parameters, no_rows, scrolls, description):
        cases.add(f"{case.__name__}_{kind}", case)


@cases
def state_after_statements(o: Bench) -> Any:
    cursor = o.cursor()
    found = [state(cursor)]
    for sql in (
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT)",
        "SET @a = 1",
        "INSERT INTO t (a) VALUES (1)",
        "INSERT INTO t (a) VALUES (2), (3)",
        "SELECT * FROM t",
        "UPDATE t SET a = 9 WHERE id > 1",
        "UPDATE t SET a = 9 WHERE id > 1",
        "DELETE FROM t WHERE id = 1",
        "DO 1",
        "DROP TABLE t",
    ):
        cursor.execute(sql)
        found.append((sql.split()[0], state(cursor), cursor.affected_rows, cursor.insert_id))
    cursor.close()
    return found, cursor.rowcount


@cases
def rowcount_after_close(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute("SELECT 1")
    cursor.close()
    return cursor.rowcount


@cases
def attributes_when_fresh(o: Bench) -> Any:
    cursor = o.cursor()
    names = (
        "arraysize",
        "buffered",
        "closed",
        "description",
        "metadata",
        "sp_outparams",
        "_resulttype",
        "affected_rows",
    )
    return [(name, o.attempt(getattr, cursor, name)) for name in (*names, "insert_id", "statement", "paramcount")]


for name in ("rownumber", "description", "field_count", "lastrowid", "statement", "closed"):

    def closed(o: Bench, name: str = name) -> Any:
        cursor = o.cursor()
        cursor.execute("SELECT 1")
        cursor.close()
        return o.attempt(getattr, cursor, name)

    cases.add(f"closed_{name}", closed)
for name, arguments in {
    **dict.fromkeys(("fetchone", "fetchall", "fetchmany", "nextset", "close"), ()),
    "execute": ("SELECT 1",),
    "executemany": ("SELECT ?", [(1,)]),
    "callproc": ("p",),
    "scroll": (1,),
}.items():

    def closed_method(o: Bench, name: str = name, arguments: tuple[Any, ...] = arguments) -> Any:
        cursor = o.cursor()
        cursor.execute("SELECT 1")
        cursor.close()
        return o.attempt(lambda: getattr(cursor, name)(*arguments))

    def fresh_method(o: Bench, name: str = name) -> Any:
        cursor = o.cursor()
        return o.attempt(lambda: getattr(cursor, name)(*((1,) if name == "scroll" else ())))

    cases.add(f"closed_method_{name}", closed_method)
    if not name.startswith(("exec", "call")):
        cases.add(f"fresh_method_{name}", fresh_method)


@cases
def fetching_without_a_result_set(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute("SET @a = 1")
    return [o.attempt(getattr(cursor, name)) for name in ("fetchone", "fetchall", "fetchmany", "nextset")]


@cases
def fetching_after_the_connection_closed(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute(FIVE)
    cursor.fetchone()
    cursor.connection.close()
    seek = o.attempt(cursor._seek, 0)
    return seek, o.attempt(cursor.fetchall), cursor.closed, o.attempt(cursor.execute, "SELECT 1")


@cases
def unbuffered_after_the_connection_closed(o: Bench) -> Any:
    cursor = o.cursor(buffered=False)
    cursor.execute(FIVE)
    cursor.connection.close()
    return o.attempt(cursor.fetchone)


@cases
def next_function(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute(FIVE)
    return o.attempt(next, cursor)


@cases
def next_method(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute("SELECT 1")
    return cursor.next(), cursor.next()


@cases
def arraysize(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.arraysize = 2
    cursor.execute(FIVE)
    return cursor.fetchmany(), cursor.fetchmany(0), cursor.fetchmany(1)


@cases
def fetchmany_negative(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute(FIVE)
    return o.attempt(cursor.fetchmany, -1)


for name, arguments in {
    "relative_0": (0,),
    "relative_beyond": (9,),
    "relative_to_the_end": (5,),
    "relative_before": (-1,),
    "absolute_0": (0, "absolute"),
    "absolute_to_the_end": (5, "absolute"),
    "absolute_beyond": (6, "absolute"),
    "absolute_negative": (-1, "absolute"),
    "mode": (1, "sideways"),
    "str": ("1",),
}.items():

    def scroll(o: Bench, arguments: tuple[Any, ...] = arguments) -> Any:
        cursor = o.cursor()
        cursor.execute(FIVE)
        return o.attempt(cursor.scroll, *arguments), cursor.rownumber, cursor.fetchone()

    cases.add(f"scroll_{name}", scroll)


@cases
def two_cursors_buffered(o: Bench) -> Any:
    connection = o.connect()
    one, two = connection.cursor(), connection.cursor()
    one.execute(FIVE)
    two.execute("SELECT 9")
    return one.fetchall(), two.fetchall()


@cases
def two_cursors_unbuffered(o: Bench) -> Any:
    connection = o.connect()
    one, two = connection.cursor(buffered=False), connection.cursor()
    one.execute(FIVE)
    first = o.attempt(two.execute, "SELECT 9")
    rest = o.attempt(one.fetchall)
    two.execute("SELECT 9")
    return first, rest, two.fetchall()


@cases
def unbuffered_closed_early(o: Bench) -> Any:
    connection = o.connect()
    one, two = connection.cursor(buffered=False), connection.cursor()
    one.execute(FIVE)
    one.fetchone()
    one.close()
    two.execute("SELECT 9")
    return two.fetchall()


@cases
def server_side_beside_another(o: Bench) -> Any:
    connection = o.connect()
    one, two = connection.cursor(cursor_type=1, prefetch_size=1), connection.cursor()
    one.execute(FIVE)
    first = one.fetchone()
    return first, o.attempt(two.execute, "SELECT 9"), o.attempt(one.fetchall)


@cases
def buffered_argument_of_execute(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute(FIVE, None, False)
    first = cursor.buffered, cursor.rowcount
    cursor.fetchall()
    cursor.execute(FIVE, None, True)
    return first, cursor.buffered, cursor.rowcount


@cases
def nextset(o: Bench) -> Any:
    cursor = o.connect(client_flag=65536).cursor()
    cursor.execute("SELECT 1; SET @a = 1; SELECT 2")
    found: list[Any] = []
    more: Any = True
    while more:
        found.append((cursor.rowcount, cursor.description is None, cursor.rownumber))
        more = cursor.nextset()
    return found, more


@cases
def nextset_to_an_error(o: Bench) -> Any:
    cursor = o.connect(client_flag=65536).cursor()
    cursor.execute("SELECT 1; SELECT * FROM nothing; SELECT 2")
    rows = cursor.fetchall()
    failed = o.attempt(cursor.nextset)
    cursor.execute("SELECT 3")
    return rows, failed, cursor.fetchall()


@cases
def unread_results_are_dropped(o: Bench) -> Any:
    cursor = o.connect(client_flag=65536).cursor()
    cursor.execute("SELECT 1; SELECT 2")
    cursor.execute("SELECT 3")
    return cursor.fetchall(), cursor.nextset()


@cases
def duplicate_names_dictionary(o: Bench) -> Any:
    return o.rows("SELECT 1 AS a, 2 AS a, 3 AS `b c`", dictionary=True)


@cases
def duplicate_names_named_tuple(o: Bench) -> Any:
    row = o.rows("SELECT 1 AS a, 2 AS b", named_tuple=True)[0]
    return repr(row), row.a, row.b, row[0], len(row)


@cases
def odd_names_named_tuple(o: Bench) -> Any:
    row = o.rows("SELECT 1 AS `b c`, 2 AS `class`, 3 AS `1`", named_tuple=True)[0]
    return repr(row), getattr(row, "b c"), getattr(row, "class")


@cases
def repeated_names_named_tuple(o: Bench) -> Any:
    return repr(o.rows("SELECT 1 AS a, 2 AS a", named_tuple=True)[0])


@cases
def setinputsizes(o: Bench) -> Any:
    cursor = o.cursor()
    return (
        o.attempt(cursor.setinputsizes, [1]),
        o.attempt(cursor.setoutputsize, 1),
        o.attempt(cursor.setoutputsize, 1, 2),
    )


@cases
def with_block(o: Bench) -> Any:
    with o.cursor() as cursor:
        cursor.execute("SELECT 1")
        rows = cursor.fetchall()
    return rows, cursor.closed


@cases
def connection_attribute(o: Bench) -> Any:
    connection = o.connect()
    return connection.cursor().connection is connection


@cases
def after_an_error(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute("SELECT 1")
    failed = o.attempt(cursor.execute, "SELECT nothing")
    cursor.execute("SELECT 2")
    return failed, cursor.fetchall()


@cases
def statement_attribute(o: Bench) -> Any:
    cursor = o.cursor()
    cursor.execute("SELECT ?", (1,))
    return cursor.statement, cursor._transformed_statement


@cases
def named_tuple_and_dictionary(o: Bench) -> Any:
    return o.rows("SELECT 1 AS a", named_tuple=True, dictionary=True)


@cases
def resulttype(o: Bench) -> Any:
    return [o.cursor(**keywords)._resulttype for keywords in KINDS.values()]
