"""executemany."""

from __future__ import annotations

import datetime
from decimal import Decimal

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("many")

COLUMNS = "id INT AUTO_INCREMENT PRIMARY KEY, a INT DEFAULT 7, b VARCHAR(20) DEFAULT 'x'"


def run(o: Bench, rows: Any, sql: str = "INSERT INTO t (a, b) VALUES (?, ?)", columns: str = COLUMNS) -> Any:
    """What happens, and the table behind it."""
    cursor = o.table(columns)
    failed = o.attempt(cursor.executemany, sql, rows)
    state = (cursor.rowcount, cursor.lastrowid) if failed is None else None
    cursor.execute("SELECT * FROM t")
    return failed, state, cursor.fetchall()


DATA: dict[str, Any] = {
    "tuples": [(1, "a"), (2, "b"), (3, "c")],
    "lists": [[1, "a"], [2, "b"]],
    "tuple_of_tuples": ((1, "a"), (2, "b")),
    "one": [(1, "a")],
    "nulls": [(None, "a"), (2, None), (None, None)],
    "nulls_only": [(None, None), (None, None)],
    "none": None,
    "empty_list": [],
    "empty_tuple": (),
    "empty_rows": [(), ()],
    "ragged": [(1, "a"), (2,)],
    "too_long": [(1, "a", 3)],
    "too_short": [(1,)],
    "scalars": [1, 2],
    "mixed_numbers": [(1, "a"), (2.0, "b")],
    "mixed_texts": [(1, "a"), (2, 3)],
    "int_sizes": [(1, "a"), (70000, "b"), (-1, "c")],
    "booleans": [(True, "a"), (False, "b")],
    "dictionaries": [{"a": 1, "b": "x"}],
}
for name, rows in DATA.items():
    cases.add(name, lambda o, rows=rows: run(o, rows))


@cases
def generator(o: Bench) -> Any:
    return run(o, ((number, "x") for number in range(3)))


@cases
def set_of_rows(o: Bench) -> Any:
    return run(o, {(1, "a")})


@cases
def dictionaries_by_name(o: Bench) -> Any:
    rows = [{"a": 1, "b": "x"}, {"b": "y", "a": 2}]
    return run(o, rows, "INSERT INTO t (a, b) VALUES (%(a)s, %(b)s)")


@cases
def dictionary_key_missing(o: Bench) -> Any:
    return run(o, [{"a": 1, "b": "x"}, {"a": 2}], "INSERT INTO t (a, b) VALUES (%(a)s, %(b)s)")


@cases
def format_style(o: Bench) -> Any:
    return run(o, [(1, "x"), (2, "y")], "INSERT INTO t (a, b) VALUES (%s, %s)")


@cases
def with_literals(o: Bench) -> Any:
    return run(o, [(1,), (2,)], "INSERT INTO t (a, b) VALUES (? + 1, 'lit')")


@cases
def indicators(o: Bench) -> Any:
    marks = o.m.constants.INDICATOR
    return run(o, [(1, marks.NULL), (marks.DEFAULT, "b"), (3, marks.DEFAULT)])


@cases
def ignore_row(o: Bench) -> Any:
    marks = o.m.constants.INDICATOR
    return run(o, [(1, "a"), (2, marks.IGNORE_ROW), (3, "c")])


@cases
def ignore_in_update(o: Bench) -> Any:
    marks = o.m.constants.INDICATOR
    cursor = o.table(COLUMNS, "1, 1, 'a'", "2, 2, 'b'")
    failed = o.attempt(
        cursor.executemany, "UPDATE t SET a = ?, b = ? WHERE id = ?", [(marks.IGNORE, "z", 1), (9, "y", 2)]
    )
    cursor.execute("SELECT * FROM t")
    return failed, cursor.fetchall()


@cases
def update(o: Bench) -> Any:
    cursor = o.table(COLUMNS, "1, 1, 'a'", "2, 2, 'b'", "3, 3, 'c'")
    cursor.executemany("UPDATE t SET a = ? WHERE id = ?", [(9, 1), (3, 3), (8, 2), (7, 99)])
    count = cursor.rowcount
    cursor.execute("SELECT * FROM t")
    return count, cursor.fetchall()


@cases
def delete(o: Bench) -> Any:
    cursor = o.table(COLUMNS, "1, 1, 'a'", "2, 2, 'b'", "3, 3, 'c'")
    cursor.executemany("DELETE FROM t WHERE id = ?", [(1,), (3,)])
    count = cursor.rowcount
    cursor.execute("SELECT id FROM t")
    return count, cursor.fetchall()


@cases
def replace(o: Bench) -> Any:
    cursor = o.table(COLUMNS, "1, 1, 'a'")
    cursor.executemany("REPLACE INTO t VALUES (?, ?, ?)", [(1, 5, "z"), (2, 6, "y")])
    count = cursor.rowcount
    cursor.execute("SELECT * FROM t")
    return count, cursor.fetchall()


@cases
def on_duplicate_key(o: Bench) -> Any:
    cursor = o.table(COLUMNS, "1, 1, 'a'")
    sql = "INSERT INTO t (id, a) VALUES (?, ?) ON DUPLICATE KEY UPDATE a = VALUES(a)"
    cursor.executemany(sql, [(1, 5), (2, 6)])
    count = cursor.rowcount
    cursor.execute("SELECT * FROM t")
    return count, cursor.fetchall()


@cases
def select(o: Bench) -> Any:
    return o.attempt(o.cursor().executemany, "SELECT ?", [(1,), (2,)])


@cases
def returning(o: Bench) -> Any:
    cursor = o.table(COLUMNS)
    cursor.executemany("INSERT INTO t (a) VALUES (?) RETURNING id, a", [(5,), (6,), (7,)])
    return cursor.fetchall(), cursor.rowcount, cursor.nextset()


@cases
def delete_returning(o: Bench) -> Any:
    cursor = o.table(COLUMNS, "1, 1, 'a'", "2, 2, 'b'")
    cursor.executemany("DELETE FROM t WHERE id = ? RETURNING a", [(1,), (2,)])
    return cursor.fetchall()


@cases
def duplicate_key(o: Bench) -> Any:
    rows = [(1, 1), (2, 2), (1, 3), (4, 4)]
    return run(o, rows, "INSERT INTO t (id, a) VALUES (?, ?)")


@cases
def syntax_error(o: Bench) -> Any:
    return run(o, [(1, "a")], "INSERT INTO t (a, b) VALUES (?, ?")


@cases
def unknown_table(o: Bench) -> Any:
    return run(o, [(1, "a")], "INSERT INTO nothing (a, b) VALUES (?, ?)")


@cases
def usable_after_an_error(o: Bench) -> Any:
    cursor = o.table(COLUMNS)
    failed = o.attempt(cursor.executemany, "INSERT INTO t (a, b) VALUES (?, ?)", [(1, "a" * 30)])
    cursor.execute("SELECT 1")
    return failed, cursor.fetchall()


@cases
def no_placeholders(o: Bench) -> Any:
    return run(o, [(), ()], "INSERT INTO t (a) VALUES (1)")


@cases
def out_of_range(o: Bench) -> Any:
    return run(o, [(1, "a"), (2**40, "b")])


@cases
def two_thousand_rows(o: Bench) -> Any:
    cursor = o.table(COLUMNS)
    cursor.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(number, str(number)) for number in range(2000)])
    count = cursor.rowcount, cursor.lastrowid
    cursor.execute("SELECT COUNT(*), SUM(a), MAX(LENGTH(b)) FROM t")
    return count, cursor.fetchall()


@cases
def twice_on_one_cursor(o: Bench) -> Any:
    cursor = o.table(COLUMNS)
    cursor.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(1, "a")])
    cursor.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(2, "b"), (3, "c")])
    return cursor.rowcount, cursor.lastrowid, cursor.description


TYPES: dict[str, tuple[str, list[Any]]] = {
    "bigint": ("BIGINT", [2**62, -(2**62)]),
    "bigint_unsigned": ("BIGINT UNSIGNED", [2**64 - 1, 0]),
    "beyond_64_bits": ("DECIMAL(40)", [2**70, 1]),
    "double": ("DOUBLE", [0.1, -1e300]),
    "decimal": ("DECIMAL(20,5)", [Decimal("1.5"), Decimal("-2.25")]),
    "varchar": ("VARCHAR(20)", ["é😀", ""]),
    "blob": ("BLOB", [b"\0\xff", b""]),
    "bytearray": ("BLOB", [bytearray(b"ab"), bytearray()]),
    "date": ("DATE", [datetime.date(2020, 1, 2), datetime.date(1, 1, 1)]),
    "datetime": ("DATETIME(6)", [datetime.datetime(2020, 1, 2, 3, 4, 5, 6), datetime.datetime(2020, 1, 2)]),
    "time": ("TIME(6)", [datetime.time(1, 2, 3), datetime.time(1, 2, 3, 4)]),
    "timedelta": ("TIME(6)", [datetime.timedelta(hours=30), datetime.timedelta(seconds=1)]),
    "timedelta_negative": ("TIME(6)", [datetime.timedelta(hours=-1), datetime.timedelta(seconds=-1)]),
    "json": ("JSON", ['{"a": 1}']),
    "bit": ("BIT(8)", [1, 2]),
    "nan": ("DOUBLE", [float("nan")]),
    "list": ("VARCHAR(20)", [[1]]),
    "object": ("VARCHAR(20)", [object()]),
}
for name, (column, values) in TYPES.items():

    def stores(o: Bench, column: str = column, values: tuple[Any, ...] = tuple(values)) -> Any:
        return run(o, [(value,) for value in values], "INSERT INTO t (a) VALUES (?)", f"a {column}")

    cases.add(f"type_{name}", stores)
