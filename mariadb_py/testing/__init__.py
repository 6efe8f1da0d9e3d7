"""Private MariaDB servers for tests and demonstrations.

    from mariadb_py.testing import temp_server

    with temp_server(options=["--max-connections=50"]) as server:
        connection = mariadb_py.connect(**server.connect_args)

Not imported by `import mariadb_py`. Fixtures for pytest are in `mariadb_py.testing.pytest_plugin`.
"""

from __future__ import annotations

from .server import ServerNotFound, ServerStartError, TempServer, temp_server

__all__ = ["ServerNotFound", "ServerStartError", "TempServer", "temp_server"]
