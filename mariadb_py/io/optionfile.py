"""Finding and reading option files, and the environment: the sources of options that lie outside of the program.

What is in a file is `core.optionfile`'s business.
"""

from __future__ import annotations

import errno
import os
import stat

from ..core.optionfile import GROUPS, Directive, choose, parse
from ..exceptions import ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..core.keywords import Text
    from ..core.optionfile import Entry

SYSTEM_FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf")
EXTENSION = ".cnf"  # of the files that !includedir reads
MAX_FILE_SIZE = 1 << 20  # bytes
MAX_FILES = 256  # that one connect() reads
MAX_DEPTH = 10  # of files that include files


class OptionSources:
    """The files and the environment of this process, as `ConnectOptions.from_keywords` asks for them."""

    def option_file(self, path: str, groups: tuple[str, ...] = ()) -> dict[str, Text]:
        """The options of connect() in an option file.

        Args:
            path: of the file, which must exist; empty: the default files, which may be missing.
            groups: names of groups that count beside the usual ones.

        Raises:
            ProgrammingError: a file cannot be read or is none, or the limits of this module are passed.
        """
        reader = _Reader()
        entries: list[Entry] = []
        if path:
            entries.extend(reader.named(path))
        else:
            for default in default_files(os.environ):
                entries.extend(reader.optional(default, default))
        return choose(entries, (*GROUPS, *groups))

    def environment(self) -> Mapping[str, str]:
        """The environment variables."""
        return os.environ


SOURCES = OptionSources()


def default_files(environment: Mapping[str, str]) -> list[str]:
    """Paths of the default files, the strongest last."""
    home = environment.get("MARIADB_HOME") or environment.get("MYSQL_HOME")
    paths = [*SYSTEM_FILES, *([os.path.join(home, "my.cnf")] if home else [])]
    own = os.path.expanduser("~/.my.cnf")
    return paths if own.startswith("~") else [*paths, own]


class _Reader:
    """Reads files and what they include, and counts."""

    def __init__(self) -> None:
        self._files = 0
        self._open: list[tuple[int, int]] = []  # device and inode of the files that are being read, outermost first

    def named(self, path: str) -> Iterator[Entry]:
        """The entries of a file that must be there. That others can write to it is the caller's decision."""
        try:
            descriptor = _open(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ProgrammingError(f"Option file {path!r} cannot be read: {reason}") from error
        yield from self._read(descriptor, path, True)

    def optional(self, path: str, origin: str) -> Iterator[Entry]:
        """The entries of a file that is left out if it cannot be opened, as the server's tools do."""
        try:
            descriptor = _open(path)
        except (OSError, ValueError):
            return
        if len(self._open) > MAX_DEPTH:
            os.close(descriptor)
            raise ProgrammingError(f"Option files include each other more than {MAX_DEPTH} deep (from {origin})")
        yield from self._read(descriptor, path, False)

    def _read(self, descriptor: int, path: str, trusted: bool) -> Iterator[Entry]:
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            identity = (status.st_dev, status.st_ino)
            # Reading a file again within itself would change nothing: its last value of an option is the same.
            if identity in self._open or not (trusted or _trustworthy(path, status)):
                return
            data = file.read(MAX_FILE_SIZE + 1)
        self._files += 1
        if len(data) > MAX_FILE_SIZE:
            raise ProgrammingError(f"Option file {path!r} has more than {MAX_FILE_SIZE} bytes")
        if self._files > MAX_FILES:
            raise ProgrammingError(f"More than {MAX_FILES} option files, the last of them {path!r}")
        self._open.append(identity)
        # Bytes that are not UTF-8 matter only in values that are used, and are refused there.
        for item in parse(data.decode("utf-8-sig", "surrogateescape"), path):
            if isinstance(item, Directive):
                for included in _included(item):
                    yield from self.optional(included, item.origin)
            else:
                yield item
        self._open.pop()


def _open(path: str) -> int:
    # Opening a named pipe must not wait for somebody to write to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file")


def _trustworthy(path: str, status: os.stat_result) -> bool:
    """Whether a file that nobody named may say where passwords go; the server's tools have the same rule."""
    if os.name != "posix" or not status.st_mode & stat.S_IWOTH:
        return True
    import warnings

    warnings.warn(f"Option file {path!r} is ignored: everybody can write to it", stacklevel=2)
    return False


def _included(directive: Directive) -> list[str]:
    if directive.kind == "include":
        return [directive.path]
    try:
        names = sorted(name for name in os.listdir(directive.path) if name.endswith(EXTENSION))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProgrammingError(
            f"!includedir {directive.path!r} cannot be read: {reason} (from {directive.origin})"
        ) from error
    return [os.path.join(directive.path, name) for name in names]
