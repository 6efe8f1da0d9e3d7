"""The synchronous connection of PEP 249. It runs operations of `core.connection` over a link and decides nothing."""

from __future__ import annotations

from mariadb_protocol.params import escape

from .core import twophase
from .core.options import ConnectOptions
from .cursor import Cursor
from .exceptions import CR_COMMANDS_OUT_OF_SYNC, InterfaceError, LostConnectionError, ProgrammingError
from .facts import ConnectionFacts, as_xid
from .io.link import Link
from .io.optionfile import SOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from .core.tpc import Xid
    from .pool import ConnectionPool


class Connection(ConnectionFacts):
    """A connection to a MariaDB server. Made by `mariadb_py.connect()`, which documents the keywords.

    A connection may be used by one thread at a time; two at once is a ProgrammingError.
    """

    _link: Link | None = None
    _pool: ConnectionPool | None = None

    def __init__(self, uri: str | None = None, **keywords: Any) -> None:
        link = Link(ConnectOptions.from_keywords({"uri": uri, **keywords}, SOURCES))
        self._observe(link)
        link.connect()
        self._link = link

    def _link_or_raise(self) -> Link:
        link = self._link
        if link is None:
            raise ProgrammingError("Invalid connection or not connected")
        return link

    # Cursors and transactions

    def cursor(self, cursorclass: type[Cursor] = Cursor, **keywords: Any) -> Cursor:
        """A new cursor.

        Args:
            cursorclass: `Cursor`, or a subclass.
            **keywords: as for `Cursor`.

        Raises:
            ProgrammingError: the connection is closed, or `cursorclass` is none.
            TypeError: a keyword is unknown.
        """
        if not (isinstance(cursorclass, type) and issubclass(cursorclass, Cursor)):
            raise ProgrammingError(f"cursorclass is Cursor or a subclass, not {cursorclass!r}")
        self._link_or_raise()
        return cursorclass(self, **keywords)

    def begin(self) -> None:
        """Start a transaction, committing one that is open."""
        link = self._link_or_raise()
        link.run(link.core.begin())

    def commit(self) -> None:
        """Commit the open transaction.

        Raises:
            ProgrammingError: a transaction of a transaction manager is in progress.
            CommitOutcomeUnknown: the connection was lost when the server may have had the order already.
        """
        link = self._link_or_raise()
        link.run(link.core.commit())

    def rollback(self) -> None:
        """Roll back the open transaction.

        Raises:
            ProgrammingError: a transaction of a transaction manager is in progress.
        """
        link = self._link_or_raise()
        link.run(link.core.rollback())

    # Transactions of a transaction manager (XA)

    def tpc_begin(self, xid: Xid) -> None:
        """Begin a transaction with this identifier.

        Raises:
            ProgrammingError: one is in progress.
            IntegrityError: errno 1400, an ordinary transaction is open.
        """
        link = self._link_or_raise()
        link.run(twophase.begin(link.core, as_xid(xid)))

    def tpc_prepare(self) -> None:
        """The first phase: from then on the server keeps the transaction, whatever happens to the connection."""
        link = self._link_or_raise()
        link.run(twophase.prepare(link.core))

    def tpc_commit(self, xid: Xid | None = None) -> None:
        """Commit the transaction in progress, prepared or not; with `xid`, one that `tpc_recover()` found."""
        link = self._link_or_raise()
        link.run(twophase.finish(link.core, True, None if xid is None else as_xid(xid)))

    def tpc_rollback(self, xid: Xid | None = None) -> None:
        """Roll back the transaction in progress, prepared or not; with `xid`, one that `tpc_recover()` found."""
        link = self._link_or_raise()
        link.run(twophase.finish(link.core, False, None if xid is None else as_xid(xid)))

    def tpc_recover(self) -> list[Xid]:
        """The identifiers of all prepared transactions on the server, for `tpc_commit()` and `tpc_rollback()`."""
        link = self._link_or_raise()
        return link.run(twophase.recover(link.core))

    @property
    def autocommit(self) -> bool:
        """Each statement commits by itself. Setting it tells the server, if it is not so already."""
        return self._core.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if not isinstance(value, int):
            raise TypeError(f"autocommit wants bool, not {type(value).__name__}")
        link = self._link_or_raise()
        link.run(link.core.set_autocommit(bool(value)))

    # Life of the connection

    def close(self) -> None:
        """Close the connection, or return it to its pool. An open transaction is rolled back.

        Raises:
            ProgrammingError: it is closed already (one from a pool may be closed twice).
        """
        pool = self._pool
        if pool is not None:
            # Back to it; this handle is dead from then on, whatever interrupts it.
            slot, link = self._slot, self._link
            if link is None or slot is None:
                return
            try:
                del self._link  # of two threads only one can
            except AttributeError:
                return
            try:
                pool._release(slot, link)
            except BaseException:
                pool._abandon(slot, self._lease)
                raise
            self._slot = None
            return
        link, self._link = self._link, None
        if link is None:
            raise ProgrammingError("Invalid connection or not connected")
        link.close()

    def ping(self) -> None:
        """Ask the server for a sign of life.

        Raises:
            InterfaceError: there is none, or (errno 2014) another cursor's unbuffered rows have to be read first.
        """
        link = self._link_or_raise()
        link.run(link.core.ping())

    def reset(self) -> None:
        """Forget transaction, locks, temporary tables and variables, as a new login does; the database stays."""
        link = self._link_or_raise()
        link.run(link.core.reset())

    def reconnect(self) -> None:
        """Give up the connection to the server and open another one; what the session had is lost."""
        self._link_or_raise().renew()

    @property
    def auto_reconnect(self) -> bool:
        """A connection that was lost between two statements is opened anew; can be set.

        Not where something would be lost silently: in a transaction, or when the session may have variables, temporary
        tables or locks. Then the next statement raises an error, and the one behind it gets the new connection. So does
        one that asks for LAST_INSERT_ID() of the session that was lost. A lock that a stored function takes, called
        from a plain SELECT, is not seen.
        """
        return self._core.auto_reconnect

    @auto_reconnect.setter
    def auto_reconnect(self, value: bool) -> None:
        link = self._link_or_raise()
        link.run(link.core.set_auto_reconnect(bool(value)))

    def dump_debug_info(self) -> None:
        """Let the server write debugging information to its log; needs the right to do so."""
        link = self._link_or_raise()
        link.run(link.core.debug())

    def select_db(self, database: str) -> None:
        """Change the default database."""
        link = self._link_or_raise()
        link.run(link.core.select_db(database))

    def change_user(self, user: str | None, password: str | bytes | None, database: str | None) -> None:
        """Log in as somebody else on the same connection.

        Raises:
            OperationalError: the server refused; the connection is closed then.
        """
        link = self._link_or_raise()
        link.run(link.core.change_user(user, password, database))

    def kill(self, connection_id: int) -> None:
        """End another connection of the server, by its `connection_id`."""
        if isinstance(connection_id, bool) or not isinstance(connection_id, int):
            raise TypeError(f"a connection id is an int, not {type(connection_id).__name__}")
        link = self._link_or_raise()
        link.run(link.core.kill(connection_id))

    # Small services

    def escape_string(self, text: str) -> str:
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
            link.run(link.core.learn_mode(None))
        escaped = escape(text.encode("utf-8", "surrogatepass"), link.core.no_backslash_escapes)
        return escaped.decode("utf-8", "surrogatepass")

    def show_warnings(self) -> list[tuple[str, int, str]] | None:
        """Warnings of the last statement as (level, code, message); None if there are none."""
        if not self.warnings:
            return None
        with self.cursor() as cursor:
            cursor.execute("SHOW WARNINGS")
            return cursor.fetchall()

    # Facts

    @property
    def open(self) -> bool:
        """The server gives a sign of life; asks it, unless rows are on the way that have to be read first.

        It cannot be asked while an unbuffered result is not read to its end; the connection counts as open then.

        Raises:
            ProgrammingError: the connection is closed.
        """
        try:
            self.ping()
        except LostConnectionError:
            return False
        except InterfaceError as error:
            return error.errno == CR_COMMANDS_OUT_OF_SYNC
        return True

    @property
    def database(self) -> str | None:
        """Default database, as the server tracks it; None without one. Setting it is `select_db()`."""
        return self._core.session.schema

    @database.setter
    def database(self, name: str) -> None:
        self.select_db(name)

    # Python's protocols

    def __enter__(self) -> Connection:
        self._link_or_raise()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; nothing is committed."""
        if self._link is not None:
            self.close()
