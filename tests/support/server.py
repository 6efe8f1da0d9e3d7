"""The suite's servers, of whatever kind, and connections to them that are closed behind each test."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import mariadb_py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py.testing import TempServer


# Options under which MySQL does what MariaDB does by itself.
LIKE_MARIADB = ("--local-infile=ON", "--max-allowed-packet=16M")
# `seq_1_to_10`, which MariaDB has by itself, for each of these.
SEQUENCES = (2, 3, 5, 10, 100, 5000, 20_000, 50_000, 100_000, 200_000)


def prepare_mysql(server: TempServer) -> None:
    """What the tests take for granted in MariaDB: sequences, in the database of the server."""
    longest = max(SEQUENCES)
    numbers = f"WITH RECURSIVE s AS (SELECT 1 seq UNION ALL SELECT seq + 1 FROM s WHERE seq < {longest})"
    views = [f"CREATE VIEW seq_1_to_{n} AS SELECT seq FROM seq_1_to_{longest} WHERE seq <= {n}" for n in SEQUENCES]
    with mariadb_py.connect(**server.connect_args, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in (
            f"CREATE TABLE seq_1_to_{longest} (seq BIGINT UNSIGNED PRIMARY KEY)",
            f"SET cte_max_recursion_depth = {longest}",
            f"INSERT INTO seq_1_to_{longest} {numbers} SELECT seq FROM s",
            *views[:-1],
        ):
            cursor.execute(statement)


def create(connection: mariadb_py.Connection, definition: str) -> None:
    """CREATE OR REPLACE, which MySQL lacks for most: `create(connection, "TEMPORARY TABLE t (n INT)")`."""
    match = re.match(r"((?:TEMPORARY )?\w+) ((?:`(?:[^`]|``)*`|[^\s(])+)", definition)
    assert match is not None
    kind, name = match.groups()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP {kind} IF EXISTS {name}")
        cursor.execute(f"CREATE {definition}")


def plugin_dir() -> str | None:
    """Folder with MariaDB's authentication plugins, as the servers of this run see it; None: `make servers`."""
    root = os.environ.get("MARIADB_PY_SERVER_ROOT", "").rstrip("/")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mariadb_py"
    for folder in ("/usr/lib/mysql/plugin", *([] if root else [f"{cache}/plugins"])):
        if os.path.exists(f"{root}{folder}/auth_pam_tool_dir"):
            return folder
    return None


class Connector:
    """Opens connections to a server and remembers them: `connect(autocommit=True)`.

    Keywords are those of `mariadb_py.connect()`, on top of the server's TCP address and account; with
    unix_socket, host and port are left out.
    """

    def __init__(self, server: TempServer) -> None:
        self.server = server
        self.opened: list[mariadb_py.Connection] = []

    def __call__(self, **keywords: Any) -> mariadb_py.Connection:
        arguments = self.server.connect_args
        if "unix_socket" in keywords:
            del arguments["host"], arguments["port"]
        connection = mariadb_py.connect(**{**arguments, **keywords})
        self.opened.append(connection)
        return connection

    def close_all(self) -> None:
        """Close what is still open, whatever state the test left it in."""
        for connection in self.opened:
            with contextlib.suppress(mariadb_py.Error):
                connection.close()
