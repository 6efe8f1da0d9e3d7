"""The asyncio connection: PEP 249 with await. It runs operations of `core.connection` and decides nothing."""

from __future__ import annotations

from mariadb_protocol.params import escape

from ..core import twophase
from ..core.options import ConnectOptions
from ..exceptions import CR_COMMANDS_OUT_OF_SYNC, InterfaceError, LostConnectionError, ProgrammingError
from ..facts import ConnectionFacts, as_xid
from ..io.aio.link import Link
from ..io.optionfile import SOURCES
from .cursor import AsyncCursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from ..core.tpc import Xid
    from .pool import AsyncConnectionPool


class AsyncConnection(ConnectionFacts):
    """A connection to a server. Made by `mariadb_py.aio.connect()`, which has the keywords of `mariadb_py.connect()`.

    A connection belongs to the event loop that it was opened in, and may be used by one task at a time; two at once is
    a ProgrammingError. Whatever cancels a method leaves the connection usable or closed, never out of step.
    """

    _link: Link | None = None
    _pool: AsyncConnectionPool | None = None

    @classmethod
    async def connect(cls, uri: str | None = None, **keywords: Any) -> AsyncConnection:
        """Open a connection; the arguments are those of `mariadb_py.connect()`."""
        connection = cls()
        link = Link(ConnectOptions.from_keywords({"uri": uri, **keywords}, SOURCES))
        connection._observe(link)
        await link.connect()
        connection._link = link
        return connection

    def _link_or_raise(self) -> Link:
        link = self._link
        if link is None:
            raise ProgrammingError("Invalid connection or not connected")
        return link

    # Cursors and transactions

    def cursor(self, cursorclass: type[AsyncCursor] = AsyncCursor, **keywords: Any) -> AsyncCursor:
        """A new cursor.

        Args:
            cursorclass: `AsyncCursor`, or a subclass.
            **keywords: as for `AsyncCursor`.

        Raises:
            ProgrammingError: the connection is closed, or `cursorclass` is none.
            TypeError: a keyword is unknown.
        """
        if not (isinstance(cursorclass, type) and issubclass(cursorclass, AsyncCursor)):
            raise ProgrammingError(f"cursorclass is AsyncCursor or a subclass, not {cursorclass!r}")
        self._link_or_raise()
        return cursorclass(self, **keywords)

    async def begin(self) -> None:
        """Start a transaction, committing one that is open."""
        link = self._link_or_raise()
        await link.run(link.core.begin())

    async def commit(self) -> None:
        """Commit the open transaction.

        Raises:
            ProgrammingError: a transaction of a transaction manager is in progress.
            CommitOutcomeUnknown: the connection was lost when the server may have had the order already.
        """
        link = self._link_or_raise()
        await link.run(link.core.commit())

    async def rollback(self) -> None:
        """Roll back the open transaction.

        Raises:
            ProgrammingError: a transaction of a transaction manager is in progress.
        """
        link = self._link_or_raise()
        await link.run(link.core.rollback())

    # Transactions of a transaction manager (XA)

    async def tpc_begin(self, xid: Xid) -> None:
        """Begin a transaction with this identifier.

        Raises:
            ProgrammingError: one is in progress.
            IntegrityError: errno 1400, an ordinary transaction is open.
        """
        link = self._link_or_raise()
        await link.run(twophase.begin(link.core, as_xid(xid)))

    async def tpc_prepare(self) -> None:
        """The first phase: from then on the server keeps the transaction, whatever happens to the connection."""
        link = self._link_or_raise()
        await link.run(twophase.prepare(link.core))

    async def tpc_commit(self, xid: Xid | None = None) -> None:
        """Commit the transaction in progress, prepared or not; with `xid`, one that `tpc_recover()` found."""
        link = self._link_or_raise()
        await link.run(twophase.finish(link.core, True, None if xid is None else as_xid(xid)))

    async def tpc_rollback(self, xid: Xid | None = None) -> None:
        """Roll back the transaction in progress, prepared or not; with `xid`, one that `tpc_recover()` found."""
        link = self._link_or_raise()
        await link.run(twophase.finish(link.core, False, None if xid is None else as_xid(xid)))

    async def tpc_recover(self) -> list[Xid]:
        """The identifiers of all prepared transactions on the server, for `tpc_commit()` and `tpc_rollback()`."""
        link = self._link_or_raise()
        return await link.run(twophase.recover(link.core))

    @property
    def autocommit(self) -> bool:
        """Each statement commits by itself."""
        return self._core.autocommit

    async def set_autocommit(self, value: bool) -> None:
        """Let each statement commit by itself, or not; tells the server, if it is not so already."""
        if not isinstance(value, int):
            raise TypeError(f"autocommit wants bool, not {type(value).__name__}")
        link = self._link_or_raise()
        await link.run(link.core.set_autocommit(bool(value)))

    # Life of the connection

    async def close(self) -> None:
        """Close the connection, or return it to its pool. An open transaction is rolled back.

        To return it to a pool waits for nothing, so that it cannot be cancelled half-way.

        Raises:
            ProgrammingError: it is closed already (one from a pool may be closed twice).
        """
        if self._pool is not None:
            work = self._give_back()
            if work is not None:
                await self._pool._until(work)
            return
        link = self._link_or_raise()
        self._link = None
        try:
            await link.close()
        except ProgrammingError:  # it belongs to another event loop, where it can be closed
            self._link = link
            raise

    def _give_back(self) -> Any:
        """Return it to its pool; this handle is dead from then on, whatever interrupts it.

        Returns:
            The task that makes it ready for the next borrower; None if it is.
        """
        pool, slot, link = self._pool, self._slot, self._link
        if pool is None or link is None or slot is None:
            return None
        pool._here()
        try:
            self._link = None
            work = pool._release(slot, link)
        except BaseException:
            self._link = None
            pool._abandon(slot, self._lease)
            raise
        self._slot = None
        return work

    async def ping(self) -> None:
        """Ask the server for a sign of life.

        Raises:
            InterfaceError: there is none, or (errno 2014) another cursor's unbuffered rows have to be read first.
        """
        link = self._link_or_raise()
        await link.run(link.core.ping())

    async def reset(self) -> None:
        """Forget transaction, locks, temporary tables and variables, as a new login does; the database stays."""
        link = self._link_or_raise()
        await link.run(link.core.reset())

    async def reconnect(self) -> None:
        """Give up the connection to the server and open another one; what the session had is lost."""
        await self._link_or_raise().renew()

    @property
    def auto_reconnect(self) -> bool:
        """A connection that was lost between two statements is opened anew.

        Not where something would be lost silently: in a transaction, or when the session may have variables, temporary
        tables or locks. Then the next statement raises an error, and the one behind it gets the new connection. So does
        one that asks for LAST_INSERT_ID() of the session that was lost. A lock that a stored function takes, called
        from a plain SELECT, is not seen.
        """
        return self._core.auto_reconnect

    async def set_auto_reconnect(self, value: bool) -> None:
        """Open a connection that is lost between two statements anew from now on, or not."""
        link = self._link_or_raise()
        await link.run(link.core.set_auto_reconnect(bool(value)))

    async def dump_debug_info(self) -> None:
        """Let the server write debugging information to its log; needs the right to do so."""
        link = self._link_or_raise()
        await link.run(link.core.debug())

    async def select_db(self, database: str) -> None:
        """Change the default database."""
        link = self._link_or_raise()
        await link.run(link.core.select_db(database))

    async def change_user(self, user: str | None, password: str | bytes | None, database: str | None) -> None:
        """Log in as somebody else on the same connection.

        Raises:
            OperationalError: the server refused; the connection is closed then.
        """
        link = self._link_or_raise()
        await link.run(link.core.change_user(user, password, database))

    async def kill(self, connection_id: int) -> None:
        """End another connection of the server, by its `connection_id`."""
        if isinstance(connection_id, bool) or not isinstance(connection_id, int):
            raise TypeError(f"a connection id is an int, not {type(connection_id).__name__}")
        link = self._link_or_raise()
        await link.run(link.core.kill(connection_id))

    # Small services

    async def escape_string(self, text: str) -> str:
        """`text` as it may stand between single quotes in a statement, under the present sql_mode.

        Asks the server for it where it is in doubt, such as behind CALL.

        Raises:
            InterfaceError: errno 2014, it cannot be asked before another cursor's unbuffered rows are read.
            LostConnectionError: it can be asked no more.
        """
        if not isinstance(text, str):
            raise TypeError(f"escape_string wants a str, not {type(text).__name__}")
        link = self._link_or_raise()
        if link.core.statements.mode.uncertain:
            await link.run(link.core.learn_mode(None))
        escaped = escape(text.encode("utf-8", "surrogatepass"), link.core.no_backslash_escapes)
        return escaped.decode("utf-8", "surrogatepass")

    async def show_warnings(self) -> list[tuple[str, int, str]] | None:
        """Warnings of the last statement as (level, code, message); None if there are none."""
        if not self.warnings:
            return None
        async with self.cursor() as cursor:
            await cursor.execute("SHOW WARNINGS")
            return await cursor.fetchall()

    # Facts

    async def is_open(self) -> bool:
        """The server gives a sign of life; asks it, unless rows are on the way that have to be read first.

        It cannot be asked while an unbuffered result is not read to its end; the connection counts as open then.

        Raises:
            ProgrammingError: the connection is closed.
        """
        try:
            await self.ping()
        except LostConnectionError:
            return False
        except InterfaceError as error:
            return error.errno == CR_COMMANDS_OUT_OF_SYNC
        return True

    @property
    def database(self) -> str | None:
        """Default database, as the server tracks it; None without one. `select_db()` changes it."""
        return self._core.session.schema

    # Python's protocols

    async def __aenter__(self) -> AsyncConnection:
        self._link_or_raise()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; nothing is committed."""
        if self._link is not None:
            await self.close()
