"""Files for LOAD DATA LOCAL INFILE. Which one may be read is decided in `core.connection`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

PIECE = 1 << 16  # bytes that are read at a time


def read_file(name: bytes) -> Iterator[bytes]:
    """Open a file, and return its contents in pieces.

    Raises:
        OSError: it cannot be opened.
    """
    return pieces(open(name, "rb"))  # noqa: SIM115  # `pieces` closes it


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The contents of a binary file that is open, in pieces; closed behind the last one."""
    with file:
        while piece := file.read(PIECE):
            yield piece
