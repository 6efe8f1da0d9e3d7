"""What the user asks of a pool, as a table; the keywords of its connections are not its business."""

from __future__ import annotations

from ..exceptions import ProgrammingError
from .keywords import INTEGER, TEXT, Option, accept_all, by_name, defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_POOL_SIZE = 64
MAX_INTERVAL = 1 << 31


def _milliseconds(value: int) -> str | None:
    return None if 0 <= value <= MAX_INTERVAL else f"is a time in milliseconds from 0 to {MAX_INTERVAL}"


POOL_OPTIONS = (
    Option("pool_name", TEXT),
    Option("pool_size", INTEGER, 5),
    Option("pool_reset_session", (bool,), True, aliases=("pool_reset_connection",)),
    Option("pool_invalidation_interval", INTEGER, 500, aliases=("pool_validation_interval",), check=_milliseconds),
)
POOL_BY_NAME = by_name(POOL_OPTIONS)
_DEFAULTS = defaults(POOL_OPTIONS)


class PoolOptions:
    """The options of a pool.

    Attributes:
        name: name of the pool, None if none was given.
        size: number of connections, 1 to 64.
        reset: bring the session back when a connection is returned.
        validation_interval: seconds of idleness after which a connection is asked for a sign of life before it is given
            out; 0: always.
    """

    __slots__ = ("_values", "name", "reset", "size", "validation_interval")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.name: str | None = values["pool_name"]
        self.size: int = values["pool_size"]
        self.reset: bool = values["pool_reset_session"]
        self.validation_interval: float = values["pool_invalidation_interval"] / 1000
        if not 1 <= self.size <= MAX_POOL_SIZE:
            raise ProgrammingError(f"Pool size must be in range of 1 and {MAX_POOL_SIZE}, not {self.size}")

    @classmethod
    def split(
        cls, keywords: Mapping[str, Any], present: PoolOptions | None = None
    ) -> tuple[PoolOptions, dict[str, Any]]:
        """Take a pool's keywords out of those that are given together; the others are for its connections.

        Args:
            keywords: all keywords.
            present: what holds where nothing is given; None: the defaults.

        Raises:
            TypeError: a value has the wrong type.
            ProgrammingError: a value is out of range.
        """
        own = {keyword: value for keyword, value in keywords.items() if keyword in POOL_BY_NAME}
        options = cls({**(present._values if present else _DEFAULTS), **accept_all(POOL_BY_NAME, own)})
        return options, {keyword: value for keyword, value in keywords.items() if keyword not in own}
