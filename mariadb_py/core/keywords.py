"""What a keyword is: its name, the types of its value, its range, and how a text becomes its value.

A wrong type is a TypeError, a value out of range and a text that cannot be read a ProgrammingError. Knows no option.
"""

from __future__ import annotations

from collections.abc import Callable

from ..exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

# The kinds of values; what a text can be read as depends on nothing else.
TEXT = (str,)
FLAG = (bool, int)
INTEGER = (int,)
SECONDS = (int, float)
SECRET = (str, bytes, Callable)
NAMES = (str, list, tuple)
MAPPING = (dict,)
FUNCTION = (Callable,)
KEY = (str, bytes)


class _LikeContext(type):
    """Knows an `ssl.SSLContext` without loading `ssl`."""

    def __instancecheck__(cls, value: object) -> bool:
        return hasattr(value, "wrap_bio") and not isinstance(value, type)


class SSLContext(metaclass=_LikeContext):
    """What stands for `ssl.SSLContext` in the table of options."""


SWITCH = (bool, int, dict, SSLContext)

_FLAGS = {
    **dict.fromkeys(("1", "yes", "on", "true"), True),
    **dict.fromkeys(("0", "no", "off", "false"), False),
}
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
MAX_DIGITS = 20  # of a number in a text; a 64-bit number has no more


def read_flag(text: str) -> bool | None:
    """yes or no; None if the text is neither."""
    return _FLAGS.get(text.lower())


def read_integer(text: str) -> int | None:
    """A whole number, perhaps with K, M or G behind it, as the server's tools write sizes; None if it is none."""
    unit = _UNITS.get(text[-1:].lower())
    digits = text if unit is None else text[:-1]
    magnitude = digits[1:] if digits[:1] == "-" else digits
    if not (magnitude.isascii() and magnitude.isdigit()) or len(magnitude) > MAX_DIGITS:
        return None
    return int(digits) * (unit or 1)


def read_seconds(text: str) -> float | None:
    """A number, with a decimal point if there is one; None if the text is none."""
    whole, point, fraction = text.partition(".")
    if not point:
        return read_integer(text)
    digits = whole + fraction
    return float(text) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS else None


_READERS: dict[tuple[Any, ...], tuple[Callable[[str], Any], str]] = {
    TEXT: (str, ""),
    SECRET: (str, ""),
    NAMES: (str, ""),
    FLAG: (read_flag, "yes or no"),
    SWITCH: (read_flag, "yes or no"),
    KEY: (str, ""),
    INTEGER: (read_integer, "a whole number"),
    SECONDS: (read_seconds, "a number"),
}


class Text(str):
    """A text, and where it came from, for errors."""

    __slots__ = ("origin",)

    origin: str

    def __new__(cls, value: str, origin: str) -> Text:
        """Keep `value` together with `origin`."""
        text = super().__new__(cls, value)
        text.origin = origin
        return text


class Option:
    """One keyword.

    Args:
        name: its name.
        types: types that its value may have.
        default: value when it is not given, or given as None.
        aliases: other names of the same option.
        check: returns what is wrong with a value of the right type, or None.
        convert: makes a checked value what the driver uses.
        items: types of the items of a list, or of the keys and the values of a dict.
        secret: its value is never shown.
        textual: it can be given where there are only texts, as in a URI.
    """

    __slots__ = ("aliases", "check", "convert", "default", "items", "name", "secret", "textual", "types")

    def __init__(
        self,
        name: str,
        types: tuple[Any, ...],
        default: Any = None,
        aliases: tuple[str, ...] = (),
        check: Callable[[Any], str | None] | None = None,
        convert: Callable[[Any], Any] | None = None,
        items: tuple[Any, ...] = (),
        secret: bool = False,
        textual: bool = True,
    ) -> None:
        self.name = name
        self.types = types
        self.default = default
        self.aliases = aliases
        self.check = check
        self.convert = convert
        self.items = items
        self.secret = secret
        self.textual = textual and types in _READERS

    def accept(self, value: Any, origin: str = "", keyword: str = "") -> Any:
        """The value to use for a given one.

        Args:
            value: as the user gave it.
            keyword: by which name, if that is not the option's.
            origin: where it came from, if that needs to be said.

        Raises:
            TypeError: it has the wrong type.
            ProgrammingError: it is out of range.
        """
        if not self._fits(value):
            raise TypeError(f"{keyword or self.name} wants {self._expected()}, not {type(value).__name__}")
        wrong = self.check(value) if self.check is not None else None
        if wrong is not None:
            raise self._error(wrong, value, origin)
        return value if self.convert is None else self.convert(value)

    def read(self, text: str, origin: str) -> Any:
        """The value to use for a text.

        Raises:
            ProgrammingError: the text does not stand for a value of this option, or for one out of range.
        """
        if not self.textual:
            raise ProgrammingError(f"{self.name} can only be given as a keyword of connect() (from {origin})")
        reader, expected = _READERS[self.types]
        value = reader(text)
        if value is None:
            raise self._error(f"wants {expected}", str(text), origin)
        return self.accept(value, origin)

    def _error(self, wrong: str, value: Any, origin: str) -> ProgrammingError:
        shown = "" if self.secret else f", not {value!r}"
        return ProgrammingError(f"{self.name} {wrong}{shown}" + (f" (from {origin})" if origin else ""))

    def _expected(self) -> str:
        kinds = " or ".join(kind.__name__ for kind in self.types)
        return kinds + (f" of {' to '.join(kind.__name__ for kind in self.items)}" if self.items else "")

    def _fits(self, value: Any) -> bool:
        # bool is an int to Python, and to nobody who meant a number.
        if not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types):
            return False
        if not self.items or isinstance(value, str):
            return True
        columns = (value, value.values()) if isinstance(value, dict) else (value,)
        return all(isinstance(item, kind) for column, kind in zip(columns, self.items) for item in column)


def by_name(options: Iterable[Option]) -> dict[str, Option]:
    """Options by their names and aliases."""
    return {name: option for option in options for name in (option.name, *option.aliases)}


def defaults(options: Iterable[Option]) -> dict[str, Any]:
    """Default values by the options' names."""
    return {option.name: option.default for option in options}


def accept_all(known: Mapping[str, Option], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the options that are given and not None, by the options' names.

    Raises:
        TypeError: two names of one option have different values, or a value has the wrong type.
        ProgrammingError: a value is out of range.
    """
    given: dict[str, str] = {}
    values: dict[str, Any] = {}
    for keyword, value in keywords.items():
        if value is None:
            continue
        option = known[keyword]
        if option.name in given and keywords[given[option.name]] != value:
            raise TypeError(f"{given[option.name]} and {keyword} are the same option and have different values")
        given[option.name] = keyword
        values[option.name] = option.accept(value, keyword=keyword)
    return values
