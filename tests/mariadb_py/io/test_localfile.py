"""Contents for LOAD DATA LOCAL INFILE, from files and from what the user hands over."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.exceptions import OperationalError
from mariadb_py.io import localfile
from mariadb_py.io.localfile import LONGEST_KEY, PIECE, contents, pieces, read_file, read_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_read_in_pieces(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a ü"
    path.write_bytes(os.urandom(size))
    found = list(read_file(os.fsencode(path)))
    assert b"".join(found) == path.read_bytes()
    assert all(0 < len(piece) <= PIECE for piece in found)


@pytest.mark.parametrize("name", [b"/nonexistent/file", b"/", b""])
def test_a_file_that_cannot_be_opened_is_an_error_at_once(name: bytes) -> None:
    with pytest.raises(OSError):
        read_file(name)


@pytest.mark.parametrize("how", ["to the end", "given up", "an error"])
def test_a_file_that_we_opened_is_closed(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(localfile, "PIECE", 2)
    file = io.BytesIO(b"12345")
    parts = pieces(file)
    assert next(parts) == b"12"
    if how == "to the end":
        assert list(parts) == [b"34", b"5"]
    elif how == "given up":
        del parts
    else:
        with pytest.raises(ZeroDivisionError):
            parts.throw(ZeroDivisionError())  # type: ignore[attr-defined]
    assert file.closed


# What is handed over


@pytest.mark.parametrize("size", SIZES)
def test_a_binary_file_is_read_from_where_it_is_and_left_open(size: int) -> None:
    data = os.urandom(size)
    file = io.BytesIO(b"header" + data)
    file.seek(6)
    assert b"".join(contents(file)) == data
    assert not file.closed


@given(st.lists(st.binary() | st.binary().map(bytearray)))
def test_pieces_are_passed_on(given_pieces: list[bytes]) -> None:
    found = list(contents(iter(given_pieces)))
    assert found == given_pieces
    assert all(type(piece) is bytes for piece in found)


def test_nothing_is_taken_before_it_is_needed() -> None:
    taken = []

    def source() -> Iterator[bytes]:
        for number in range(3):
            taken.append(number)
            yield b"x"

    found = iter(contents(source()))
    assert taken == []
    next(found)
    assert taken == [0]


@pytest.mark.parametrize("source", ["a,b", b"a,b", bytearray(b"a,b"), memoryview(b"a,b")])
def test_a_text_or_bytes_are_no_pieces(source: bytes) -> None:
    message = f"^local_infile wants a binary file or an iterable of bytes, not {type(source).__name__}$"
    with pytest.raises(TypeError, match=message):
        contents(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [1, 1.5, object()])
def test_what_has_no_pieces(source: object) -> None:
    with pytest.raises(TypeError):
        contents(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "kind"), [(["a"], "str"), ([b"a", 1], "int"), ([None], "NoneType"), (io.StringIO("a"), "str")]
)
def test_pieces_that_are_not_bytes(source: list[bytes], kind: str) -> None:
    with pytest.raises(TypeError, match=f"^a piece of local_infile is bytes, not {kind}$"):
        list(contents(source))


# Public keys


@pytest.mark.parametrize(
    ("key", "read"),
    [
        (None, b""),
        ("", b""),
        (b"", b""),
        (b"\0\xff", b"\0\xff"),
        (b"/nothing", b"/nothing"),
        ("-----BEGIN PUBLIC KEY-----\nü", "-----BEGIN PUBLIC KEY-----\nü".encode()),
    ],
)
def test_a_key_as_it_is(key: str | bytes | None, read: bytes) -> None:
    assert read_key(key) == read


def test_a_key_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key ü.pem"
    for contents_of_file in (b"", b"-----BEGIN PUBLIC KEY-----", b"\xff" * LONGEST_KEY):
        path.write_bytes(contents_of_file)
        assert read_key(str(path)) == contents_of_file
    path.write_bytes(bytes(LONGEST_KEY + 1))
    assert len(read_key(str(path))) == LONGEST_KEY


def test_a_key_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nothing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(OperationalError) as caught:
            read_key(str(path))
        assert caught.value.errno == 2061
        assert str(caught.value) == f"server_public_key: {str(path)!r} cannot be read ({reason})"
