"""Option files as the server's tools read them: lines, groups, comments, quotes and escapes; and which keys count.

Works on text; which files there are and what is included is `io.optionfile`'s business.
Source: MariaDB documentation, page "Configuring MariaDB with Option Files".
"""

from __future__ import annotations

from mariadb_protocol.constants import Capability

from ..exceptions import ProgrammingError
from .keywords import FLAG, SWITCH, Text, read_flag
from .optiontable import CONNECT_BY_NAME, is_tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

GROUPS = ("client", "client-server", "client-mariadb")
DIRECTIVES = ("includedir", "include")

_SPACE = " \t\n\r\v\f"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}

# Which file to read is decided before one is read.
_NOT_IN_FILES = ("default_file", "default_group")
_KEYS = {
    **{name: option for name, option in CONNECT_BY_NAME.items() if option.textual and option.name not in _NOT_IN_FILES},
    "servername": CONNECT_BY_NAME["host"],
    "timeout": CONNECT_BY_NAME["connect_timeout"],
}
_FLAGS = {
    "return_found_rows": Capability.FOUND_ROWS,
    "multi_statements": Capability.MULTI_STATEMENTS,
    "multi_queries": Capability.MULTI_STATEMENTS,
}
_SWITCHES = (FLAG, SWITCH)
_CLIENT_FLAG = CONNECT_BY_NAME["client_flag"]
# loose: to be ignored by who does not know the option.
_PREFIXES = {"loose_": None, "enable_": "1", "disable_": "0", "skip_": "0"}


class Entry:
    """An option in a file.

    Attributes:
        group: the group that it stands in.
        key: its name, as written.
        value: what is behind the equals sign, without quotes and escapes; None if there is no such sign.
        origin: file and line.
    """

    __slots__ = ("group", "key", "origin", "value")

    def __init__(self, group: str, key: str, value: str | None, origin: str) -> None:
        self.group = group
        self.key = key
        self.value = value
        self.origin = origin


class Directive:
    """A line that asks for other files to be read at this place.

    Attributes:
        kind: "include" or "includedir".
        path: as written.
        origin: file and line.
    """

    __slots__ = ("kind", "origin", "path")

    def __init__(self, kind: str, path: str, origin: str) -> None:
        self.kind = kind
        self.path = path
        self.origin = origin


def parse(text: str, name: str) -> Iterator[Entry | Directive]:
    """Take the text of an option file apart.

    Args:
        text: contents of the file.
        name: path of the file, for errors.

    Raises:
        ProgrammingError: a line is none that an option file may have.
    """
    group: str | None = None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(_SPACE)
        origin = f"{name}, line {number}"
        if not line or line[0] in "#;":
            continue
        if "\0" in line:
            raise ProgrammingError(f"NUL character in option file {origin}")
        if line[0] == "!":
            yield from _directive(line[1:].lstrip(_SPACE), origin)
        elif line[0] == "[":
            group = _group(line, origin)
        elif group is None:
            raise ProgrammingError(f"Option in front of the first group in option file {origin}")
        else:
            yield _entry(group, line, origin)


def _directive(line: str, origin: str) -> Iterator[Directive]:
    for kind in DIRECTIVES:
        path = line[len(kind) :]
        if line.startswith(kind) and path[:1] in _SPACE:
            path = path.strip(_SPACE)
            if not path:
                raise ProgrammingError(f"!{kind} without a path in option file {origin}")
            yield Directive(kind, path, origin)
            return


def _group(line: str, origin: str) -> str:
    name, bracket, _ = line[1:].partition("]")
    if not bracket:
        raise ProgrammingError(f"Group name without ] in option file {origin}")
    return name.rstrip(_SPACE)


def _entry(group: str, line: str, origin: str) -> Entry:
    key, sign, value = _without_comment(line).partition("=")
    return Entry(group, key.rstrip(_SPACE), _unquoted(value.strip(_SPACE)) if sign else None, origin)


def _without_comment(line: str) -> str:
    """A # ends the line unless it is between quotes, in which a backslash protects a quote."""
    quote = ""
    escaped = False
    for index, character in enumerate(line):
        if character in "'\"" and not escaped:
            if not quote:
                quote = character
            elif quote == character:
                quote = ""
        if not quote and character == "#":
            return line[:index]
        escaped = bool(quote) and character == "\\" and not escaped
    return line


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]:
        value = value[1:-1]
    first, *parts = value.split("\\")
    result = [first]
    pending = iter(parts)
    left = len(parts)
    for part in pending:
        left -= 1
        if part:
            result.append(_ESCAPES.get(part[0], "\\" + part[0]) + part[1:])
        elif left:
            left -= 1
            result.append("\\" + next(pending))  # two backslashes
        else:
            result.append("\\")  # one at the end stands for itself
    return "".join(result)


# Which entries count


def choose(entries: Iterable[Entry], groups: Collection[str]) -> dict[str, Text]:
    """The options of connect() among the entries of option files; of several with one name the last one.

    Keys of other programs are ignored, as all tools do. So is default-character-set: what a terminal shows is not what
    a connection speaks. Other programs' keys about TLS are kept, to be refused.

    Args:
        entries: in the order of the files.
        groups: names of the groups that count.

    Returns:
        Texts by option name.

    Raises:
        ProgrammingError: an option that needs a value has none.
    """
    found: dict[str, Text] = {}
    flags: dict[int, Text] = {}
    for entry in entries:
        if entry.group not in groups:
            continue
        key, value = _plain(entry.key.replace("-", "_"), entry.value)
        if key in _FLAGS:
            flags[_FLAGS[key]] = Text("1" if value is None else value, entry.origin)
        elif key in _KEYS or is_tls(key):
            option = _KEYS.get(key)
            if value is None and option is not None and option.types not in _SWITCHES:
                raise ProgrammingError(f"{option.name} needs a value (from {entry.origin})")
            found[option.name if option else key] = Text("1" if value is None else value, entry.origin)
    _add_flags(found, flags)
    return found


def _plain(key: str, value: str | None) -> tuple[str, str | None]:
    """A key without the prefixes that tools know, and the value that they stand for."""
    for prefix, meaning in _PREFIXES.items():
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if meaning is None:
            return _plain(rest, value)
        # Only switches can be switched: skip_host would be something else.
        if rest in _FLAGS or is_tls(rest) or (rest in _KEYS and _KEYS[rest].types in _SWITCHES):
            return rest, meaning
    return key, value


def _add_flags(found: dict[str, Text], flags: dict[int, Text]) -> None:
    """Put the switches that are bits of client_flag into that."""
    for bit, text in flags.items():
        on = read_flag(text)
        if on is None:
            raise ProgrammingError(f"A switch wants yes or no, not {str(text)!r} (from {text.origin})")
        before = found.get("client_flag", Text("0", text.origin))
        value = _CLIENT_FLAG.read(before, before.origin)
        found["client_flag"] = Text(str(value | bit if on else value & ~bit), text.origin)
