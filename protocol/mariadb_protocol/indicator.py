"""The values that stand for something else in a bulk execution: NULL, DEFAULT, IGNORE and IGNORE_ROW.

Source: MariaDB documentation, page "COM_STMT_BULK_EXECUTE".
"""

from __future__ import annotations

from .constants import Indicator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class MrdbIndicator:
    """One of the four indicators. There is one object of each, also after a copy or a pickle, so `is` compares them.

    Args:
        indicator: number of the indicator, 1 to 4.

    Attributes:
        indicator: that number, the byte in front of the value.

    Raises:
        ValueError: the number is that of no indicator.
    """

    __slots__ = ("indicator",)
    indicator: int

    def __new__(cls, indicator: int) -> MrdbIndicator:
        """The one object with this number."""
        known = _KNOWN.get(indicator)
        if known is None:
            raise ValueError(f"an indicator is one of {', '.join(map(str, _KNOWN))}, not {indicator!r}")
        return known

    def __reduce__(self) -> tuple[Any, ...]:
        return MrdbIndicator, (self.indicator,)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed")

    def __repr__(self) -> str:
        return f"INDICATOR.{_NAMES[self.indicator]}"


_NAMES = {
    Indicator.NULL: "NULL",
    Indicator.DEFAULT: "DEFAULT",
    Indicator.IGNORE: "IGNORE",
    Indicator.IGNORE_ROW: "IGNORE_ROW",
}
_KNOWN: dict[int, MrdbIndicator] = {}


def _make(number: int) -> MrdbIndicator:
    made: MrdbIndicator = object.__new__(MrdbIndicator)
    object.__setattr__(made, "indicator", number)
    return _KNOWN.setdefault(number, made)


NULL, DEFAULT, IGNORE, IGNORE_ROW = map(_make, _NAMES)
