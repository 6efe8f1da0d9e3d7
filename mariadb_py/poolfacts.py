"""What a pool knows and is told without waiting: the same for every face."""

from __future__ import annotations

import warnings
from sys import is_finalizing

from .core.options import MAX_POOL_SIZE, ConnectOptions, PoolOptions
from .core.pool.stats import prometheus
from .exceptions import ProgrammingError
from .io.optionfile import SOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .core.pool.core import PoolCore


class PoolFacts:
    """What all faces of a pool share; a face brings the links."""

    _own: PoolOptions
    _options: ConnectOptions | None
    _core: PoolCore
    _lock: Any

    def _do(self, decide: Callable[..., Any], *arguments: Any) -> None:
        """Let the core decide, and carry that out."""
        raise NotImplementedError

    def _choose(self) -> None:
        """Whether there is more to do for each borrower than to lend a connection."""

    def _dismiss(self) -> None:
        """The pool is gone: nobody looks after it any more."""

    def _drop_all(self) -> None:
        """Close all sockets without a word."""

    def _expect(self) -> None:
        """Have it looked after, if there is something to look after."""

    # What it is told

    def set_config(self, **keywords: Any) -> None:
        """Set how connections are opened from now on, and options of the pool; what is open stays as it is.

        The keywords of connections replace all earlier ones; options of the pool that are not given stay. None takes a
        hook away.

        Raises:
            TypeError: a keyword is unknown, or a value has the wrong type.
            ProgrammingError: a value is out of range, or another `pool_name`.
        """
        own, connection_keywords = PoolOptions.split(keywords, self._own)
        if own.name != self._own.name:
            raise ProgrammingError(f"Pool {self._own.name!r} cannot be renamed to {own.name!r}")
        if any(value is not None for value in connection_keywords.values()):
            options = ConnectOptions.from_keywords(connection_keywords, SOURCES)
            self._options = options
            self._choose()
        self._own = own
        self._do(self._core.resize, own)
        self._expect()

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        """Change the number of connections; what is too many is closed, as soon as nobody uses it.

        Args:
            min_size: connections that are kept open.
            max_size: most there can be; default `min_size`.
        """
        self.set_config(min_size=min_size, max_size=min_size if max_size is None else max_size)

    def drain(self) -> None:
        """Give up all connections: idle ones now, the others when they are returned. New ones take their places."""
        self._do(self._core.drain)

    def suspend(self, fail_fast: bool = False) -> None:
        """Give no connection out until `resume()`.

        Args:
            fail_fast: who wants one gets an error at once, rather than to wait.
        """
        with self._lock:
            self._core.suspend(bool(fail_fast))

    def resume(self) -> None:
        """Give connections out again."""
        self._do(self._core.resume)

    # Facts

    def stats(self) -> dict[str, Any]:
        """Figures of the pool.

        Returns:
            Numbers of now: size, idle, active, connecting, waiting, min_size, max_size. Numbers since the pool was
            made: borrows, resets, resets_skipped, borrow_waits, handoffs, timeouts, queue_full, refused,
            cancelled_waits, connects, connect_errors, leaks; discards: by their reason. Times: wait (for a connection),
            hold (of one), connect: as {"count": n, "buckets": {upper bound in seconds: n}}, where bounds double and
            empty buckets are left out.
        """
        with self._lock:
            return self._core.figures

    def prometheus(self, *others: PoolFacts) -> str:
        """What `stats()` returns, in the text format of Prometheus; sums are those of the buckets' upper bounds.

        Args:
            *others: pools that shall be in the same text, which names each metric once.

        Raises:
            ProgrammingError: several of the pools have the same name, or none.
        """
        figures = {pool.pool_name: pool.stats() for pool in (self, *others)}
        if len(figures) <= len(others):
            raise ProgrammingError("pools in the same text need names to tell them apart")
        return prometheus(figures)

    @property
    def pool_name(self) -> str:
        """Name of the pool; "" if it has none."""
        return self._own.name or ""

    @property
    def pool_size(self) -> int:
        """Number of connections that the pool may have."""
        return self._own.max_size

    @property
    def pool_reset_connection(self) -> bool | str:
        """The session is brought back when a connection is returned; can be set."""
        return self._own.reset

    @pool_reset_connection.setter
    def pool_reset_connection(self, value: bool | str) -> None:
        self.set_config(pool_reset_connection=value)

    @property
    def max_size(self) -> int:
        """Largest `pool_size` there can be."""
        return MAX_POOL_SIZE

    @property
    def connection_count(self) -> int:
        """Connections that are open, idle or borrowed; 0 once the pool is closed."""
        return 0 if self._core.closed else self._core.size

    def __del__(self) -> None:
        core = getattr(self, "_core", None)
        if core is None or is_finalizing():
            return
        self._dismiss()
        if core.closed or not core.size:
            return
        unclosed = f"unclosed {self!r}"
        self._drop_all()
        warnings.warn(unclosed, ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        core = self._core
        kind = type(self).__name__
        return f"<mariadb_py.{kind} {self.pool_name!r} size={core.size} idle={core.idle} at {id(self):#x}>"
