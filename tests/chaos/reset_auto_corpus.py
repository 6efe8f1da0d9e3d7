"""T12. With pool_reset_connection="auto" the next borrower finds a fresh session, whatever was done in it; and no reset
comes behind what leaves nothing.

For each sequence of `corpus`, and for each method of a connection or cursor that may leave something: one lease does
it, the next one proves, on the very same session, that it is like a new connection's.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import mariadb_py
from mariadb_py import ConnectionPool
from mariadb_py.constants import CURSOR
from mariadb_py.testing import temp_server
from tests.chaos.corpus import CORPUS, ENDS, ERRORS, OBJECTS, PLAIN, SPACED, sequences
from tests.chaos.no_state_leak import DIRT, FREE_WITHIN, dirty, prove_fresh, set_up, state, until_free
from tests.chaos.program import Form, errno, execute, main, prove

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mariadb_py import Connection

    Work = Callable[[Connection], object]

WANTED = 200  # sequences, at least
SHORT = 3  # of so many, the short form takes one
SHOWN = 50  # characters of a sequence
# What is set besides behind the first reset of a session, and what a new one has.
TRACKED = {"session_track_state_change": "ON", "session_track_transaction_info": "CHARACTERISTICS"}
UNTRACKED = dict.fromkeys(TRACKED, "OFF")


def program(form: Form) -> str:
    plain = _sequences(PLAIN)
    works = [*((name, _statements(name)) for name in (*SPACED, *ERRORS)), *map(_dirty, DIRT)]
    works += [work for text in CORPUS.values() for work in _sequences(text)]
    prove(len(works) + len(plain) >= WANTED, f"there are {len(works) + len(plain)} sequences")
    works = [*works[:: form.pick(1, SHORT)], *API.items()]
    plain += API_PLAIN.items()
    ends = [*_sequences(ENDS), *API_ENDS.items()]
    besides: set[str] = set()
    pools = form.pick((False, True), (False,))
    with ExitStack() as stack:
        server = stack.enter_context(temp_server())
        other = stack.enter_context(mariadb_py.connect(**server.connect_args, autocommit=True))
        accounts = set_up(server, other)
        execute(other, *OBJECTS)
        uncommitted = stack.enter_context(mariadb_py.connect(**server.connect_args))
        execute(uncommitted, "UPDATE seen SET n = 2")
        for number, autocommit in enumerate(pools):
            trial = _Trial(form, other, {**server.connect_args, **accounts[number], "autocommit": autocommit})
            with trial.pool:
                reset = [name for name, work in plain if not trial.spares(name, work)]
                prove(not reset, f"autocommit={autocommit}: there is a reset behind {reset}")
                besides.update(name for name, work in works if trial.spares(name, work))
                for name, work in ends:
                    trial.spares(name, work, ends=True)
    told = "; ".join(sorted(" ".join(name.split())[:SHOWN] for name in besides))
    return (
        f"{len(plain) + len(works) + len(ends)} sequences x {len(pools)} pools leave nothing; there is no reset behind "
        f"the {len(plain)} that are to go without, and behind {len(besides)} others: {told}"
    )


def _sequences(text: str) -> list[tuple[str, Work]]:
    return [(line, _statements(line)) for line in sequences(text)]


def _statements(line: str) -> Work:
    statements = tuple(statement.strip(" ") for statement in line.split(";;"))
    return lambda connection: dirty(connection, statements)


def _dirty(name: str) -> tuple[str, Work]:
    return name, lambda connection: dirty(connection, DIRT[name])


class _Trial:
    """A pool of one connection, and what a new connection is like."""

    def __init__(self, form: Form, other: Connection, options: dict[str, Any]) -> None:
        self.other = other
        self.bound = form.bound(FREE_WITHIN)
        self.told = f"autocommit={options['autocommit']}"
        self.pool = ConnectionPool(pool_name="t12", pool_size=1, pool_reset_connection="auto", **options)
        with mariadb_py.connect(**options) as new:
            self.fresh = state(new)

    def spares(self, name: str, work: Work, *, ends: bool = False) -> bool:
        """Do it in one lease and prove that the next one has a fresh session; whether there was no reset behind it.

        Args:
            name: what is done, for errors.
            work: does it.
            ends: the connection does not outlast it.
        """
        told = f"{name!r}, {self.told}"
        # Behind its first reset a session is looked after.
        self.pool.get_connection().close()
        before = self._skipped()
        with self.pool.get_connection() as connection:
            used = connection.connection_id
            if ends:
                errno(lambda: work(connection))
            else:
                given = errno(lambda: work(connection))
                prove(given == ERRORS.get(name, 0), f"{told}: error {given}")
            closing = time.monotonic()
        spared = self._skipped() - before
        until_free(self.other, closing, self.bound, told)
        execute(self.other, "UPDATE locked SET n = 1")
        with self.pool.get_connection() as connection:
            same = connection.connection_id == used
            prove(same is not ends, f"{told}: this is {'' if same else 'not '}the connection that was used")
            prove_fresh(state(connection), {**self.fresh, **(TRACKED if same else UNTRACKED)}, told)
        return bool(spared)

    def _skipped(self) -> int:
        skipped: int = self.pool.stats()["resets_skipped"]
        return skipped


# What is done by methods


def _executed(sql: str, data: Any, many: bool = False, **keywords: Any) -> Work:
    def work(connection: Connection) -> None:
        with connection.cursor(**keywords) as cursor:
            if many:
                cursor.executemany(sql, data)
            else:
                cursor.execute(sql, data)
                cursor.fetchall() if cursor.description is not None else None
        connection.commit()

    return work


def _unread(connection: Connection) -> None:
    connection.cursor(buffered=False).execute("SELECT n FROM plain")


def _left_open(connection: Connection) -> None:
    cursor = connection.cursor(cursor_type=CURSOR.READ_ONLY, prefetch_size=1)
    cursor.execute("SELECT n FROM plain")
    cursor.fetchone()


def _called(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.callproc("returns", (1,))


def _autocommit(connection: Connection) -> None:
    connection.autocommit = not connection.autocommit


def _autocommit_and_back(connection: Connection) -> None:
    for _ in range(2):
        _autocommit(connection)


def _reset(connection: Connection) -> None:
    execute(connection, "SET time_zone = '+05:00'")
    connection.reset()


def _dirty_behind_reset(connection: Connection) -> None:
    connection.reset()
    execute(connection, "DO GET_LOCK('mine', 0)")


def _two_phases(connection: Connection) -> None:
    connection.tpc_begin(connection.xid(1, "t12", ""))
    execute(connection, "UPDATE locked SET n = 7")


def _two_phases_finished(connection: Connection) -> None:
    connection.tpc_begin(connection.xid(1, "t12", ""))
    execute(connection, "UPDATE plain SET t = 'two' WHERE n = 2")
    connection.tpc_commit()


def _database_and_back(connection: Connection) -> None:
    connection.select_db("other")
    connection.select_db("test")


# As `PLAIN`.
API_PLAIN: dict[str, Work] = {
    "a parameter": _executed("SELECT n FROM plain WHERE t = ?", ("GET_LOCK('mine', 0)",)),
    "a parameter that is bytes": _executed("SELECT n FROM plain WHERE t = ?", (b"@v := 5",)),
    "a parameter by name": _executed("SELECT n FROM plain WHERE n IN (%(a)s, %(b)s)", {"a": 1, "b": 2}),
    "the binary protocol": _executed("SELECT n FROM plain", None, binary=True),
    "an update with parameters": _executed("UPDATE plain SET t = ? WHERE n = ?", ("x", 1)),
    "many updates": _executed("UPDATE plain SET t = ? WHERE n = ?", [("x", 1), ("y", 2)], many=True),
    "a whole unbuffered result": _executed("SELECT n FROM plain", None, buffered=False),
    "begin() and commit()": lambda connection: (connection.begin(), connection.commit()),
    "rollback()": lambda connection: connection.rollback(),
    "ping()": lambda connection: connection.ping(),
}
# As `CORPUS`.
API: dict[str, Work] = {
    "a lock by the binary protocol": _executed("SELECT GET_LOCK(?, 0)", (b"mine",)),
    "a variable by the binary protocol": _executed("SELECT @v := ?", (b"x",)),
    "a lock by a cursor that prepares": _executed("SELECT GET_LOCK(?, 0)", ("mine",), prepared=True),
    "a cursor that prepares": _executed("SELECT n FROM plain WHERE n = ?", (1,), prepared=True),
    "many rows": _executed("INSERT INTO counted VALUES (?)", [(None,), (None,)], many=True),
    "many variables": _executed("UPDATE plain SET t = (@v := ?) WHERE n = 1", [("x",), ("y",)], many=True),
    "many locks": _executed("DO GET_LOCK(?, 0)", [("mine",)], many=True),
    "a server-side cursor": _executed("SELECT n FROM plain", None, cursor_type=CURSOR.READ_ONLY),
    "a server-side cursor that is left open": _left_open,
    "a few rows that nobody reads": _unread,
    "callproc()": _called,
    "autocommit": _autocommit,
    "autocommit and back": _autocommit_and_back,
    "begin()": lambda connection: connection.begin(),
    "select_db()": lambda connection: connection.select_db("other"),
    "select_db() and back": _database_and_back,
    "reset()": _reset,
    "a lock behind reset()": _dirty_behind_reset,
    "tpc_begin()": _two_phases,
    "tpc_commit()": _two_phases_finished,
    "escape_string()": lambda connection: connection.escape_string("x"),
    "auto_reconnect": lambda connection: setattr(connection, "auto_reconnect", not connection.auto_reconnect),
    "a time limit": lambda connection: connection.cursor().execute("SELECT 1", timeout=5),
}
# As `ENDS`.
API_ENDS: dict[str, Work] = {
    "reconnect()": lambda connection: connection.reconnect(),
    "change_user()": lambda connection: connection.change_user("with_role", "secret", "test"),
    "kill()": lambda connection: connection.kill(connection.connection_id),
}


if __name__ == "__main__":
    main(program)
