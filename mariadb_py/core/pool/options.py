"""What the user asks of a pool, as a table; the keywords of its connections are not its business."""

from __future__ import annotations

from ...exceptions import ProgrammingError
from ..keywords import FUNCTION, INTEGER, SECONDS, TEXT, Option, accept_all, by_name, defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

MAX_POOL_SIZE = 64  # of a ConnectionPool; as Connector/Python has it
MAX_SIZE = 100_000
MAX_INTERVAL = 1 << 31

# Errors behind which a connection is not given out again: it is lost, the server is about to go, or has become one that
# takes no writes, as the old primary does after a failover.
EVICT_ERRORS = frozenset((1047, 1053, 1290, 1792, 1836, 1927, 2006, 2013, 4031))


def _between(least: float, most: float, what: str) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        return None if least <= value <= most else f"is {what} from {least} to {most}"

    return check


_SECONDS = _between(0, MAX_INTERVAL, "a time in seconds")
_COUNT = _between(0, MAX_SIZE, "a number")


def _one_of(*names: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in names else f"is one of {', '.join(map(repr, names))}"


def _numbers(value: Any) -> str | None:
    return None if all(type(number) is int for number in value) else "has numbers of errors"


def _mode(value: Any) -> str | None:
    return None if isinstance(value, bool) or value == "auto" else 'is True, False or "auto"'


POOL_OPTIONS = (
    Option("pool_name", TEXT),
    Option("pool_size", INTEGER),
    Option("min_size", INTEGER, check=_COUNT),
    Option("max_size", INTEGER, check=_between(1, MAX_SIZE, "a number")),
    Option("acquire_timeout", SECONDS, check=_SECONDS),
    Option("max_waiting", INTEGER, 0, check=_COUNT),
    Option("order", TEXT, check=_one_of("fifo", "lifo")),
    Option("pool_reset_session", (bool, str), True, aliases=("pool_reset_connection",), check=_mode),
    Option("pipeline_reset", (bool, str), "auto", check=_mode),
    Option(
        "pool_invalidation_interval",
        INTEGER,
        500,
        aliases=("pool_validation_interval",),
        check=_between(0, MAX_INTERVAL, "a time in milliseconds"),
    ),
    Option("ping_timeout", SECONDS, 1.0, check=_between(0.001, MAX_INTERVAL, "a time in seconds")),
    Option("max_lifetime", SECONDS, 1800.0, check=_SECONDS),
    Option("lifetime_jitter", SECONDS, 0.1, check=_between(0, 1, "a share")),
    Option("max_idle_time", SECONDS, 600.0, check=_SECONDS),
    Option("keepalive", SECONDS, check=_SECONDS),
    Option("connect_concurrency", INTEGER, 2, check=_between(1, MAX_SIZE, "a number")),
    Option("backoff", SECONDS, 0.05, check=_between(0.001, MAX_INTERVAL, "a time in seconds")),
    Option("max_backoff", SECONDS, 5.0, check=_between(0.001, MAX_INTERVAL, "a time in seconds")),
    Option("leak_timeout", SECONDS, 0.0, check=_SECONDS),
    Option("on_connect", FUNCTION),
    Option("on_reset", FUNCTION),
    Option("check", FUNCTION),
    Option("on_event", FUNCTION),
    Option("evict_errors", (set, frozenset, list, tuple), EVICT_ERRORS, check=_numbers, convert=frozenset),
    Option("fork_policy", TEXT, "renew", check=_one_of("renew", "keep")),
)
POOL_BY_NAME = by_name(POOL_OPTIONS)
# What differs between the two ways to make a pool.
AS_CONNECTOR = {"pool_size": 5, "acquire_timeout": 0.0, "order": "fifo", "keepalive": 0.0}
AS_SERVICE = {"pool_size": 10, "acquire_timeout": 30.0, "order": "lifo", "keepalive": 120.0}
LEAST_CHECK = 0.01  # seconds that a check has, however late it is
LEAST_OPEN = 4  # connections that the pool of a service keeps open, if nothing else is said


class PoolOptions:
    """The options of a pool; attributes that are not listed are those of `ConnectionPool`.

    Attributes:
        name: name of the pool, None if none was given.
        reset: bring the session back when a connection is returned; "auto": unless it is known to be as it was.
        validation_interval: in seconds.
        background: connections are opened in the background.
    """

    def __init__(self, values: Mapping[str, Any], service: bool = False) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        self._given = given
        self._service = service
        chosen = {**_DEFAULTS, **(AS_SERVICE if service else AS_CONNECTOR), **given}
        self.name: str | None = chosen["pool_name"]
        self.min_size, self.max_size = _sizes(given, chosen["pool_size"], service)
        self.acquire_timeout: float = chosen["acquire_timeout"]
        self.background = service or self.acquire_timeout > 0
        self.max_waiting: int = chosen["max_waiting"]
        self.order: str = chosen["order"]
        self.reset: bool | str = chosen["pool_reset_session"]
        self.pipeline_reset: bool | str = chosen["pipeline_reset"]
        self.validation_interval: float = chosen["pool_invalidation_interval"] / 1000
        self.ping_timeout: float = chosen["ping_timeout"]
        self.max_lifetime: float = chosen["max_lifetime"]
        self.lifetime_jitter: float = chosen["lifetime_jitter"]
        self.max_idle_time: float = chosen["max_idle_time"]
        self.keepalive: float = chosen["keepalive"]
        self.connect_concurrency: int = chosen["connect_concurrency"]
        self.backoff: float = chosen["backoff"]
        self.max_backoff: float = chosen["max_backoff"]
        self.leak_timeout: float = chosen["leak_timeout"]
        self.on_connect: Callable[[Any], object] | None = chosen["on_connect"]
        self.on_reset: Callable[[Any], object] | None = chosen["on_reset"]
        self.check: Callable[[Any], object] | None = chosen["check"]
        self.on_event: Callable[[str, dict[str, Any]], object] | None = chosen["on_event"]
        self.evict_errors: frozenset[int] = chosen["evict_errors"]
        self.fork_policy: str = chosen["fork_policy"]

    def check_until(self, deadline: float | None, now: float) -> float:
        """The time by which a connection has to show that it is alive to somebody who waits until `deadline`."""
        until = now + self.ping_timeout
        return until if deadline is None else min(until, max(deadline, now + LEAST_CHECK))

    def changed(self, **values: Any) -> PoolOptions:
        """These options with other values, by the names of the table."""
        kept = dict(self._given)
        if "pool_size" in values:  # it stands for both
            kept.pop("min_size", None)
            kept.pop("max_size", None)
        elif "max_size" in values:
            kept.pop("pool_size", None)
        return PoolOptions({**kept, **values}, self._service)

    @classmethod
    def split(
        cls, keywords: Mapping[str, Any], present: PoolOptions | None = None, service: bool = False
    ) -> tuple[PoolOptions, dict[str, Any]]:
        """Take a pool's keywords out of those that are given together; the others are for its connections.

        Args:
            keywords: all keywords.
            present: what holds where nothing is given, but for a hook that is given as None; None: the defaults.
            service: the defaults are those of `create_pool()`.

        Raises:
            TypeError: a value has the wrong type.
            ProgrammingError: a value is out of range.
        """
        own = {keyword: value for keyword, value in keywords.items() if keyword in POOL_BY_NAME}
        accepted = accept_all(POOL_BY_NAME, own)
        gone = {key: None for key, value in own.items() if value is None and POOL_BY_NAME[key].types == FUNCTION}
        options = present.changed(**accepted, **gone) if present is not None else cls(accepted, service)
        return options, {keyword: value for keyword, value in keywords.items() if keyword not in own}


_DEFAULTS = defaults(POOL_OPTIONS)


def _sizes(given: Mapping[str, Any], size: int, service: bool) -> tuple[int, int]:
    """min_size and max_size."""
    most = given.get("max_size", size if "pool_size" in given else max(size, given.get("min_size", 0)))
    if not service and not 1 <= most <= MAX_POOL_SIZE:
        raise ProgrammingError(f"Pool size must be in range of 1 and {MAX_POOL_SIZE}, not {most}")
    if not 1 <= most <= MAX_SIZE:
        raise ProgrammingError(f"max_size is a number from 1 to {MAX_SIZE}, not {most}")
    if "pool_size" in given and given.get("max_size", most) != given["pool_size"]:
        raise ProgrammingError(f"pool_size {given['pool_size']} and max_size {most} are the same option")
    least = given.get("min_size", min(LEAST_OPEN, most) if service else most)
    if least > most:
        raise ProgrammingError(f"min_size is {least}, and max_size is {most}")
    return least, most


def checked_timeout(timeout: float) -> float:
    """A time to wait.

    Raises:
        TypeError, ProgrammingError: it is none.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout wants a number of seconds, not {type(timeout).__name__}")
    if not timeout >= 0:
        raise ProgrammingError(f"timeout is a time in seconds, from 0 on, not {timeout!r}")
    return min(timeout, MAX_INTERVAL)
