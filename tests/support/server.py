"""Connections to the suite's server, closed behind each test."""

from __future__ import annotations

import contextlib

import mariadb_py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mariadb_py.testing import TempServer


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
