"""Values of all column types as Python objects, by text and binary protocol, and their descriptions."""

from __future__ import annotations

from tests.compat.oracle_cases import Cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.compat.oracle_cases import Bench

cases = Cases("values")


def without_sizes(description: Any) -> Any:
    """A description without display size, internal size and precision, which have cases of their own."""
    return [(*item[:2], *item[5:]) for item in description]


# Type, and values as SQL
COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "tinyint": ("TINYINT", ("0", "-128", "127", "NULL")),
    "tinyint_unsigned": ("TINYINT UNSIGNED", ("255",)),
    "smallint": ("SMALLINT", ("-32768", "32767")),
    "mediumint": ("MEDIUMINT", ("-8388608", "8388607")),
    "mediumint_unsigned": ("MEDIUMINT UNSIGNED", ("16777215",)),
    "int": ("INT", ("-2147483648", "2147483647")),
    "int_zerofill": ("INT(5) ZEROFILL", ("42",)),
    "bigint": ("BIGINT", ("-9223372036854775808", "9223372036854775807")),
    "bigint_unsigned": ("BIGINT UNSIGNED", ("18446744073709551615",)),
    "boolean": ("BOOLEAN", ("TRUE", "FALSE")),
    "year": ("YEAR", ("2020", "1901")),
    "year_zero": ("YEAR", ("0",)),
    "double": ("DOUBLE", ("0.1", "-1e300", "0", "1e-300")),
    "float_exact": ("FLOAT", ("0.5", "-2.25")),
    "float": ("FLOAT", ("1.1",)),
    "decimal": ("DECIMAL(10,3)", ("1.5", "-1234567.891", "0")),
    "decimal_unsigned": ("DECIMAL(5,0) UNSIGNED", ("12345",)),
    "decimal_long": ("DECIMAL(65,30)", ("12345678901234567890123456789012345.123456789012345678901234567890",)),
    "bit_1": ("BIT(1)", ("b'1'", "b'0'")),
    "bit_9": ("BIT(9)", ("257", "NULL")),
    "char": ("CHAR(5)", ("'ab'", "''", "'é😀'")),
    "varchar": ("VARCHAR(20)", ("'ab '", "'é😀測'", "'a\\0b'")),
    "varchar_latin1": ("VARCHAR(20) CHARACTER SET latin1", ("'é'",)),
    "varchar_ascii": ("VARCHAR(20) CHARACTER SET ascii", ("'e'",)),
    "text": ("TEXT", ("'abc'", "REPEAT('x', 3000)")),
    "tinytext": ("TINYTEXT", ("'abc'",)),
    "mediumtext": ("MEDIUMTEXT", ("'abc'",)),
    "longtext": ("LONGTEXT", ("'abc'",)),
    "binary": ("BINARY(5)", ("'ab'",)),
    "varbinary": ("VARBINARY(5)", ("X'00FF'", "''")),
    "blob": ("BLOB", ("X'00FF'", "''", "NULL")),
    "longblob": ("LONGBLOB", ("X'00FF'",)),
    "enum": ("ENUM('a', 'é')", ("'a'", "'é'")),
    "set": ("SET('a', 'b')", ("'a,b'", "''")),
    "json": ("JSON", ("'{\"a\": [1, null]}'",)),
    "uuid": ("UUID", ("'123e4567-e89b-12d3-a456-426655440000'",)),
    "inet4": ("INET4", ("'1.2.3.4'",)),
    "inet6": ("INET6", ("'::1'", "'::ffff:1.2.3.4'")),
    "point": ("POINT", ("POINT(1, 2)",)),
    "linestring": ("LINESTRING", ("ST_LineFromText('LINESTRING(0 0, 1 1)')",)),
    "geometry": ("GEOMETRY", ("POINT(1, 2)", "NULL")),
    "date": ("DATE", ("'2020-01-02'", "'9999-12-31'", "'1000-01-01'", "NULL")),
    "date_zero": ("DATE", ("'0000-00-00'",)),
    "date_partial": ("DATE", ("'2020-00-00'", "'2020-05-00'", "'0000-01-01'")),
    "datetime": ("DATETIME", ("'2020-01-02 03:04:05'", "'2020-01-02 00:00:00'")),
    "datetime_6": ("DATETIME(6)", ("'2020-01-02 03:04:05.000006'", "'2020-01-02 03:04:05'")),
    "datetime_3": ("DATETIME(3)", ("'2020-01-02 03:04:05.120'",)),
    "datetime_1": ("DATETIME(1)", ("'2020-01-02 03:04:05.1'",)),
    "datetime_zero": ("DATETIME", ("'0000-00-00 00:00:00'", "'2020-00-00 01:02:03'")),
    "timestamp": ("TIMESTAMP", ("'2020-01-02 03:04:05'",)),
    "timestamp_6": ("TIMESTAMP(6)", ("'2020-01-02 03:04:05.123456'",)),
    "time": ("TIME", ("'01:02:03'", "'00:00:00'", "'838:59:59'", "NULL")),
    "time_negative": ("TIME", ("'-01:02:03'", "'-838:59:59'", "'-00:00:01'")),
    "time_6": ("TIME(6)", ("'01:02:03.000004'", "'100:00:00.5'")),
    "time_6_negative": ("TIME(6)", ("'-00:00:00.5'", "'-01:00:00.000001'")),
}
for name, (column, values) in COLUMNS.items():
    for protocol, binary in (("text", False), ("binary", True)):

        def reads(o: Bench, column: str = column, values: tuple[str, ...] = values, binary: bool = binary) -> Any:
            setup = o.cursor()
            setup.execute("SET sql_mode = ''")
            setup.execute(f"CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a {column})")
            for value in values:
                setup.execute(f"INSERT INTO t (a) VALUES ({value})")
            setup.connection.commit()
            return o.rows("SELECT a FROM t ORDER BY id", binary=binary)

        cases.add(f"{protocol}_{name}", reads)

    def describes(o: Bench, column: str = column) -> Any:
        cursor = o.table(f"a {column}")
        cursor.execute("SELECT a FROM t")
        return without_sizes(cursor.description)

    if not name.endswith(("zero", "partial", "negative", "exact")):
        cases.add(f"description_{name}", describes)

for name, expression in {
    "null": "NULL",
    "int": "1 + 1",
    "decimal": "1.50",
    "double": "1e0",
    "text": "'a'",
    "hex": "X'41'",
    "now": "DATE('2020-01-02')",
    "time": "TIMEDIFF('10:00:00', '11:00:00')",
    "count": "COUNT(*)",
    "sum": "SUM(1)",
    "avg": "AVG(1)",
    "comparison": "1 = 1",
    "json": "JSON_OBJECT('a', 1)",
    "coalesce": "COALESCE(NULL, 'x')",
    "user_variable": "@nothing",
    "system_variable": "@@autocommit",
    "uuid": "CAST('123e4567-e89b-12d3-a456-426655440000' AS UUID)",
    "collation": "COLLATION('a')",
}.items():

    def evaluates(o: Bench, expression: str = expression) -> Any:
        sql = f"SELECT {expression} AS a"
        cursor = o.cursor()
        cursor.execute(sql)
        return cursor.fetchall(), o.rows(sql, binary=True), without_sizes(cursor.description)

    cases.add(f"expression_{name}", evaluates)


@cases
def indexed_columns(o: Bench) -> Any:
    cursor = o.table("a INT, b INT UNIQUE, c INT, KEY (c), KEY (a, b)")
    cursor.execute("SELECT * FROM t")
    return [item[7] for item in cursor.description]


@cases
def not_null_and_defaults(o: Bench) -> Any:
    cursor = o.table("a INT NOT NULL, b INT NOT NULL DEFAULT 1, c VARCHAR(5) NOT NULL")
    cursor.execute("SELECT * FROM t")
    return [(item[6], item[7]) for item in cursor.description]


@cases
def description_of_a_view_and_an_alias(o: Bench) -> Any:
    cursor = o.table("a INT")
    cursor.execute("CREATE VIEW v AS SELECT a AS b FROM t")
    cursor.execute("SELECT x.b AS c FROM v AS x")
    return without_sizes(cursor.description)


def sizes(o: Bench, item: int, *names: str) -> Any:
    """One item of the description for each of these types."""
    cursor = o.table(", ".join(f"`{name}` {COLUMNS[name][0]}" for name in names))
    cursor.execute("SELECT * FROM t")
    return [column[item] for column in cursor.description]


@cases
def display_size_of_texts(o: Bench) -> Any:
    return sizes(o, 2, "char", "varchar", "text", "longtext", "uuid", "inet6", "enum")


@cases
def display_size_of_others(o: Bench) -> Any:
    return sizes(o, 2, "int", "bigint", "double", "binary", "blob", "date", "datetime", "time", "bit_9")


@cases
def display_size_of_decimals(o: Bench) -> Any:
    return sizes(o, 2, "decimal", "decimal_unsigned")


@cases
def internal_size(o: Bench) -> Any:
    return sizes(o, 3, "int", "double", "decimal", "char", "varchar", "text", "blob", "date", "datetime_6", "bit_9")


@cases
def internal_size_beyond_31_bits(o: Bench) -> Any:
    return sizes(o, 3, "longtext", "longblob", "json", "point")


@cases
def precision(o: Bench) -> Any:
    return sizes(o, 4, "int", "double", "char", "date", "datetime", "year")


@cases
def precision_of_decimals(o: Bench) -> Any:
    return sizes(o, 4, "decimal", "decimal_unsigned", "decimal_long")


@cases
def precision_of_fractional_times(o: Bench) -> Any:
    return sizes(o, 4, "datetime_6", "timestamp_6", "time_6")


@cases
def scale(o: Bench) -> Any:
    return sizes(o, 5, "int", "double", "decimal", "decimal_long", "datetime_6", "time_6", "char")
