"""Files: those for LOAD DATA LOCAL INFILE, of which `core.connection` decides which one may be read, and keys."""

from __future__ import annotations

from ..exceptions import CR_AUTH_PLUGIN_ERR, OperationalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any

PIECE = 1 << 16  # bytes that are read at a time
LONGEST_KEY = 1 << 16  # bytes


def read_file(name: bytes) -> Iterator[bytes]:
    """Open a file, and return its contents in pieces.

    Raises:
        OSError: it cannot be opened.
    """
    return pieces(open(name, "rb"))  # `pieces` closes it


def contents(source: IO[bytes] | Iterable[bytes]) -> Iterable[bytes]:
    """What the user hands over, in pieces: a binary file, or pieces.

    Raises:
        TypeError: it is neither.
    """
    if hasattr(source, "read"):
        return _read_in_pieces(source)
    if isinstance(source, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"local_infile wants a binary file or an iterable of bytes, not {type(source).__name__}")
    return map(_checked, source)


def _read_in_pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield _checked(piece)


def _checked(piece: bytes) -> bytes:
    if not isinstance(piece, (bytes, bytearray)):
        raise TypeError(f"a piece of local_infile is bytes, not {type(piece).__name__}")
    return bytes(piece)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The contents of a binary file that is open, in pieces; closed behind the last one."""
    with file:
        while piece := file.read(PIECE):
            yield piece


def read_key(key: str | bytes | None) -> bytes:
    """A public key in PEM: as it is, or from the file of that name; b"" for None.

    Raises:
        OperationalError: errno 2061, the file cannot be read.
    """
    if not key:
        return b""
    if isinstance(key, bytes):
        return key
    if key.startswith("-----"):
        return key.encode()
    try:
        with open(key, "rb") as file:
            return file.read(LONGEST_KEY)
    except OSError as error:
        reason = f"server_public_key: {key!r} cannot be read ({error.strerror})"
        raise OperationalError(reason, errno=CR_AUTH_PLUGIN_ERR) from error
