"""Statements whose value or end a test asks for, also from another thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from tests.support.listener import PATIENCE

if TYPE_CHECKING:
    from mariadb_py import Connection


def ask(connection: Connection, sql: str, data: Any = None) -> Any:
    """The only value that a statement returns; None without a result set."""
    with connection.cursor() as cursor:
        cursor.execute(sql, data)
        if cursor.description is None:
            return None
        ((value,),) = cursor.fetchall()
        return value


def works(connection: Connection) -> bool:
    return ask(connection, "SELECT ?", ("it works",)) == "it works"


def wait_until_running(observer: Connection, connection_id: int) -> None:
    """Until that connection runs a statement."""
    deadline = time.monotonic() + PATIENCE
    sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND command = 'Query'"
    while not ask(observer, sql, (connection_id,)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Running(threading.Thread):
    """A statement that runs in a thread of its own; `outcome` is what it returned or raised."""

    def __init__(self, connection: Connection, sql: str, observer: Connection) -> None:
        super().__init__()
        self._work = connection, sql
        self.outcome: Any = None
        self.start()
        wait_until_running(observer, connection.connection_id)

    def run(self) -> None:
        try:
            self.outcome = ask(*self._work)
        except BaseException as error:
            self.outcome = error
