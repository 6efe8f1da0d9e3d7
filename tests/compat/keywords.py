"""The keywords of connect() with right values, wrong ones, and what shows that a value is in force."""

from __future__ import annotations

import mariadb_py as mariadb
from mariadb_py.constants import CLIENT, FIELD_TYPE
from tests.compat.rows import fails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Union

    Effect = Union[str, Callable[[mariadb.Connection], Any]]

# What places of a URI and of an option file stand for the account and the address, in every test.
BASE = ("host", "port", "user", "password", "database")


class Keyword:
    """How a keyword is tested.

    Args:
        value: a right value.
        effect: an attribute of the connection, an expression of SQL, or a function of the connection.
        seen: what this gives if the value is in force.
        text: the same value as a text; None: it cannot be given as one.
        wrong: wrong values, each with the class of its error.
        wrong_text: a text that is none of its values.
        beside: other options that it needs to be in force.
    """

    def __init__(
        self,
        value: Any,
        effect: Effect,
        seen: Any,
        text: str | None = None,
        wrong: tuple[tuple[Any, type[Exception]], ...] = (),
        wrong_text: str | None = None,
        beside: dict[str, str] | None = None,
    ) -> None:
        self.value, self.effect, self.seen, self.text = value, effect, seen, text
        self.wrong, self.wrong_text, self.beside = wrong, wrong_text, beside or {}

    def check(self, connection: mariadb.Connection) -> None:
        """The value is in force."""
        if callable(self.effect):
            assert self.effect(connection) == self.seen
        elif self.effect.isidentifier():
            assert getattr(connection, self.effect) == self.seen
        else:
            assert ask(connection, f"SELECT {self.effect}")[0] == self.seen


def ask(connection: mariadb.Connection, sql: str, data: Any = None) -> Any:
    """The only row of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, data)
        (row,) = cursor.fetchall()
        return row


def option(name: str) -> Effect:
    """The effect of an option that is kept for later, or has none."""
    return lambda connection: getattr(connection._core.options, name)


def status(name: str) -> Effect:
    return lambda connection: ask(connection, f"SHOW SESSION STATUS LIKE '{name}'")[1]


def too_large(connection: mariadb.Connection) -> bool:
    with connection.cursor() as cursor:
        fails(mariadb.OperationalError, 2020, cursor.execute, "SELECT ?", ("x" * 3000,))
        return ask(connection, "SELECT LENGTH(?)", ("x" * 1000,)) == (1000,)


def timeouts(connection: mariadb.Connection) -> Any:
    options = connection._core.options
    return options.read_timeout, options.write_timeout


def flag(effect: Effect, seen: Any, value: bool = True) -> Keyword:
    wrong = (("yes", TypeError), (1.0, TypeError))
    return Keyword(value, effect, seen, "yes" if value else "off", wrong, "perhaps")


def text(value: str, effect: Effect, wrong: tuple[tuple[Any, type[Exception]], ...], wrong_text: str | None) -> Keyword:
    return Keyword(value, effect, value, value, ((1, TypeError), *wrong), wrong_text)


def seconds(effect: Effect, seen: Any) -> Keyword:
    return Keyword(2.5, effect, seen, "2.5", (("1", TypeError), (-1, mariadb.ProgrammingError)), "-1")


WRONG = mariadb.ProgrammingError
REFUSED = mariadb.OperationalError


class Made(str):
    """The name of something that `files` makes for the server with TLS, as a value."""

    __slots__ = ()


def tls(name: str) -> Effect:
    """The effect of an option of TLS that cannot be told from outside."""

    def effect(connection: mariadb.Connection) -> Any:
        assert connection.tls_version
        return getattr(connection._core.options.tls, name)

    return effect


def verified(connection: mariadb.Connection) -> str:
    assert connection.tls_version
    _, _, by = connection.security.partition(", server ")
    return by.partition(";")[0]


def five_columns(connection: mariadb.Connection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1, 2, 3, 4, 5")
        cursor.fetchall()
        fails(mariadb.Error, None, cursor.execute, "SELECT 1, 2, 3, 4, 5, 6")
        return True


def path(name: str, effect: Effect, seen: Any, beside: dict[str, str] | None = None) -> Keyword:
    return Keyword(Made(name), effect, seen, Made(name), ((1, TypeError), ("/nothing", REFUSED)), "/no\0", beside)


def function(name: str) -> Keyword:
    return Keyword(print, option(name), print, None, (("print", TypeError),))


CHAIN, NO = "verified by certificate chain", "not verified"
CA = {"ssl_ca": Made("ca")}
LONG = {FIELD_TYPE.LONG: lambda value: f"<{value}>"}
KEYWORDS: dict[str, Keyword] = {
    "host": Keyword("127.0.0.1", "host", "127.0.0.1", "127.0.0.1", ((1, TypeError), ("a:b", WRONG)), "[::1"),
    "port": Keyword(None, "port", None, None, (("3306", TypeError), (1.5, TypeError), (65536, WRONG)), "3306x"),
    "user": Keyword(None, "user", None, None, ((1, TypeError), ("nobody", mariadb.OperationalError)), "no\0body"),
    "password": Keyword(None, "open", True, None, ((1, TypeError), ("no", mariadb.OperationalError)), None),
    "database": Keyword(None, "database", None, None, ((1, TypeError), ("nothing", WRONG)), "no\0thing"),
    "unix_socket": Keyword(None, "unix_socket", None, None, ((1, TypeError), ("/no\0", WRONG)), "/no\0"),
    "connect_attrs": Keyword(
        {"a": "b"}, option("connect_attrs"), {"a": "b"}, None, (("a=b", TypeError), ({"a": 1}, TypeError))
    ),
    "connect_timeout": seconds(option("connect_timeout"), 2.5),
    "read_timeout": seconds(option("read_timeout"), 2.5),
    "write_timeout": seconds(option("write_timeout"), 2.5),
    "socket_timeout": seconds(timeouts, (2.5, 2.5)),
    "autocommit": flag("@@autocommit = 1", 1),
    "query_timeout": seconds(option("query_timeout"), 2.5),
    "cancel_grace": seconds(option("cancel_grace"), 2.5),
    "ssl": Keyword(True, verified, NO, "yes", (("yes", TypeError), ({"ca": 1}, TypeError)), "perhaps"),
    "ssl_ca": path("ca", verified, CHAIN),
    "ssl_capath": path("cas", verified, CHAIN),
    "ssl_cert": path("chain", tls("cert"), Made("chain")),
    "ssl_key": path("chain", tls("key"), Made("chain")),
    "ssl_passphrase": text("hush", tls("passphrase"), (("hush\0", WRONG),), "hush\0"),
    "ssl_cipher": Keyword(
        *("ECDHE-ECDSA-AES128-GCM-SHA256", "tls_cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        *("ECDHE-ECDSA-AES128-GCM-SHA256", ((1, TypeError), ("nonsense", REFUSED)), "no\0", {"tls_version": "TLSv1.2"}),
    ),
    "ssl_crl": path("crl", verified, CHAIN, CA),
    "ssl_crlpath": path("crls", verified, CHAIN, CA),
    "ssl_verify_cert": Keyword(False, verified, NO, "off", (("yes", TypeError), (1.0, TypeError)), "perhaps", CA),
    "tls_version": text("TLSv1.2", "tls_version", (("SSLv3", WRONG), ("TLSv1.1", WRONG)), "SSLv3"),
    "tls_peer_fp": Keyword(
        *(Made("fingerprint"), verified, "verified by certificate fingerprint", Made("fingerprint")),
        *(((1, TypeError), ("00", WRONG), ("00" * 20, WRONG), ("00" * 32, REFUSED), ([1], TypeError)), "00"),
    ),
    "tls_peer_fp_list": path("fingerprints", verified, "verified by certificate fingerprint"),
    "auth_plugins": Keyword(
        *("mysql_native_password,parsec", option("auth_plugins"), ("mysql_native_password", "parsec")),
        *("mysql_native_password,parsec", ((1, TypeError), ("nothing", WRONG), ("parsec", REFUSED)), "nothing"),
    ),
    "auth_prompt": function("auth_prompt"),
    "auth_gssapi": function("auth_gssapi"),
    "server_public_key": path("public_key", option("server_public_key"), Made("public_key")),
    "allow_public_key_retrieval": flag(option("allow_public_key_retrieval"), True),
    "permit_redirect": flag(option("permit_redirect"), False, value=False),
    "limits": Keyword(
        *({"columns": 5}, five_columns, True, None),
        (("columns", TypeError), ({"columns": "5"}, TypeError), ({"rows": 5}, WRONG), ({"columns": 0}, WRONG)),
    ),
    "init_command": Keyword("SET @a = 5", "@a + 0", 5, "SET @a = 5", ((1, TypeError), ("nonsense", WRONG)), "SET\0"),
    "read_only": flag("@@tx_read_only + 0", 1),
    "charset": Keyword(
        "utf8mb4",
        "@@character_set_client",
        "utf8mb4",
        "utf8mb4",
        ((1, TypeError), ("latin1", mariadb.NotSupportedError)),
        None,
    ),
    "client_flag": Keyword(
        2, lambda c: c.client_capabilities & CLIENT.FOUND_ROWS, 2, "2", (("2", TypeError), (-1, WRONG)), "x"
    ),
    "compress": flag(status("Compression"), "ON"),
    "local_infile": flag(lambda c: c.client_capabilities & CLIENT.LOCAL_FILES, CLIENT.LOCAL_FILES),
    "max_allowed_packet": Keyword(2048, too_large, True, "2K", (("2048", TypeError), (1, WRONG)), "2X"),
    "reconnect": flag("auto_reconnect", True),
    "status_callback": Keyword(print, option("status_callback"), print, None, (("print", TypeError),)),
    "plugin_dir": Keyword("/nothing", option("plugin_dir"), "/nothing", "/nothing", ((1, TypeError),)),
    "binary": flag(lambda c: ask(c, "SELECT ?", (1.5,)) == (1.5,) and type(ask(c, "SELECT ?", (1.5,))[0]), float),
    "dictionary": flag(lambda c: ask(c, "SELECT 1 AS a"), {"a": 1}),
    "named_tuple": flag(lambda c: ask(c, "SELECT 1 AS a").a, 1),
    "native_object": flag(lambda c: str(type(ask(c, "SELECT CAST('::1' AS INET6)")[0]).__name__), "IPv6Address"),
    "zero_date": Keyword("str", "CAST('0000-00-00' AS DATE)", "0000-00-00", "str", ((1, TypeError), ("x", WRONG)), "x"),
    "converter": Keyword(LONG, "1 + 1", "<2>", None, (([], TypeError), ({3: 1}, TypeError))),
    "cache_prep_stmts": flag(option("cache_prep_stmts"), False, value=False),
    "prep_stmt_cache_size": Keyword(5, option("prep_stmt_cache_size"), 5, "5", (("5", TypeError), (-1, WRONG)), "-1"),
    "pipeline": flag(option("pipeline"), False, value=False),
}
