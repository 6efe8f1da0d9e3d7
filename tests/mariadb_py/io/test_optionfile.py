"""Which option files are read; and the whole reader against the server's own tool."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import ProgrammingError
from mariadb_py.io import optionfile
from mariadb_py.io.optionfile import MAX_DEPTH, MAX_FILE_SIZE, MAX_FILES, SOURCES, _Reader, default_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

TOOL = shutil.which("my_print_defaults")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Files that others can write to are ignored; the tests' own must not be, whatever the umask is."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def write(path: Path, *lines: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join((*lines, "")).encode())
    return str(path)


def read(path: str, *groups: str) -> dict[str, str]:
    return {name: str(text) for name, text in SOURCES.option_file(path, groups).items()}


def refused(path: str) -> str:
    with pytest.raises(ProgrammingError) as caught:
        SOURCES.option_file(path)
    return str(caught.value)


def test_a_named_file(tmp_path: Path) -> None:
    path = write(tmp_path / "f", "[client]", "user=u", "[mine]", "port=3307")
    assert read(path) == {"user": "u"}
    assert read(path, "mine") == {"user": "u", "port": "3307"}
    made = ConnectOptions.from_keywords({"default_file": path, "default_group": "mine", "user": "me"}, SOURCES)
    assert (made.user, made.port) == ("me", 3307)


def test_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARIADB_USER", "u")
    assert ConnectOptions.from_keywords({"environment": True}, SOURCES).user == "u"


@pytest.mark.parametrize(
    ("environment", "inserted"),
    [
        ({}, []),
        ({"MARIADB_HOME": "/m", "MYSQL_HOME": "/y"}, ["/m/my.cnf"]),
        ({"MYSQL_HOME": "/y"}, ["/y/my.cnf"]),
        ({"MARIADB_HOME": "", "MYSQL_HOME": ""}, []),
    ],
)
def test_default_files(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], inserted: list[str]) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    assert default_files(environment) == ["/etc/my.cnf", "/etc/mysql/my.cnf", *inserted, "/home/u/.my.cnf"]


def test_the_default_files_are_read_in_order_and_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = write(tmp_path / "etc" / "my.cnf", "[client]", "user=system", "port=1", "database=d")
    write(tmp_path / "home" / "my.cnf", "[client]", "user=instance", "port=2")
    write(tmp_path / ".my.cnf", "[client]", "user=own")
    monkeypatch.setattr(optionfile, "SYSTEM_FILES", (str(tmp_path / "missing.cnf"), system))
    monkeypatch.setenv("MARIADB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("") == {"user": "own", "port": "2", "database": "d"}


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    assert refused(path) == f"Option file {path!r} cannot be read: No such file or directory"
    assert refused("a\0b").startswith("Option file 'a\\x00b' cannot be read: ")


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    for path in (str(tmp_path), pipe, "/dev/zero"):
        assert refused(path) == f"Option file {path!r} cannot be read: not a regular file"


def test_bytes_that_are_not_utf8_matter_only_where_they_are_used(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbf[client]\n# \xe9\nother=\xe9\nuser=\xc3\xa9\n")
    assert read(str(path)) == {"user": "é"}
    path.write_bytes(b"[client]\nuser=\xe9\n")
    with pytest.raises(ProgrammingError) as caught:
        ConnectOptions.from_keywords({"default_file": str(path)}, SOURCES)
    assert str(caught.value) == f"user is not a text that UTF-8 can encode, not '\\udce9' (from {path}, line 2)"


# Includes


def test_include(tmp_path: Path) -> None:
    inner = write(tmp_path / "inner", "[client]", "user=inner", "port=1", "[mine]")
    outer = write(
        tmp_path / "outer", "[client]", "user=outer", "port=2", f"!include {inner}", f"!include {inner}x", "database=d"
    )
    # The group of the outer file goes on behind the line; a file that is missing is left out.
    assert read(outer) == {"user": "inner", "port": "1", "database": "d"}


def test_includedir(tmp_path: Path) -> None:
    for name, user in (("b.cnf", "b"), ("a.cnf", "a"), (".c.cnf", "c"), ("z.ini", "z"), ("y.cnf~", "y")):
        write(tmp_path / "d" / name, "[client]", f"user={user}", f"database={user}" if user != "b" else "")
    (tmp_path / "d" / "zz.cnf").mkdir()
    assert read(write(tmp_path / "f", f"!includedir {tmp_path}/d")) == {"user": "b", "database": "a"}


def test_includedir_must_be_there(tmp_path: Path) -> None:
    path = write(tmp_path / "f", "", f"!includedir {tmp_path}/d")
    expected = f"!includedir '{tmp_path}/d' cannot be read: No such file or directory (from {path}, line 2)"
    assert refused(path) == expected


def test_an_error_names_the_included_file(tmp_path: Path) -> None:
    inner = write(tmp_path / "inner", "user=inner")
    expected = f"Option in front of the first group in option file {inner}, line 1"
    assert refused(write(tmp_path / "outer", f"!include {inner}")) == expected


def test_a_circle_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cnf", "[client]", "user=a", f"!include {tmp_path}/b.cnf", "port=1")
    write(tmp_path / "b.cnf", "[client]", "user=b", "port=2", f"!includedir {tmp_path}", f"!include {path}")
    assert read(path) == {"user": "b", "port": "1"}


def test_depth(tmp_path: Path) -> None:
    def chain(length: int) -> str:
        for index in range(length):
            write(tmp_path / str(index), f"!include {tmp_path / str(index + 1)}")
        write(tmp_path / str(length), "[client]", "user=deep")
        return str(tmp_path / "0")

    assert read(chain(MAX_DEPTH)) == {"user": "deep"}
    assert refused(chain(MAX_DEPTH + 1)) == (
        f"Option files include each other more than 10 deep (from {tmp_path / '10'}, line 1)"
    )


def test_sizes(tmp_path: Path) -> None:
    path = write(tmp_path / "f", "[client]", "user=u", "#" * (MAX_FILE_SIZE - 17))
    assert (os.path.getsize(path), read(path)) == (MAX_FILE_SIZE, {"user": "u"})
    with open(path, "a") as file:
        file.write("#")
    assert refused(path) == f"Option file {path!r} has more than 1048576 bytes"


def test_number_of_files(tmp_path: Path) -> None:
    inner = write(tmp_path / "inner", "[client]", "user=u")
    assert read(write(tmp_path / "f", *[f"!include {inner}"] * (MAX_FILES - 1))) == {"user": "u"}
    path = write(tmp_path / "f", *[f"!include {inner}"] * MAX_FILES)
    assert refused(path) == f"More than 256 option files, the last of them {inner!r}"


def test_a_file_that_everybody_can_write_to(tmp_path: Path) -> None:
    inner = write(tmp_path / "inner", "[client]", "user=inner")
    outer = write(tmp_path / "outer", "[client]", "user=outer", f"!include {inner}")
    os.chmod(inner, 0o666)
    with pytest.warns(UserWarning, match="^Option file '.*inner' is ignored: everybody can write to it$"):
        assert read(outer) == {"user": "outer"}
    # The caller has named this one.
    assert read(inner) == {"user": "inner"}


# Against my_print_defaults


def printed(path: str) -> str | None:
    """What the tool makes of the group "client"; None if it refuses the file."""
    done = subprocess.run([str(TOOL), f"--defaults-file={path}", "client"], capture_output=True, check=False)
    return done.stdout.decode("latin-1") if done.returncode == 0 else None


def ours(path: str) -> str | None:
    try:
        entries = [entry for entry in _Reader().named(path) if entry.group == "client"]
    except ProgrammingError:
        return None
    return "".join(f"--{entry.key}" + ("" if entry.value is None else f"={entry.value}") + "\n" for entry in entries)


# Parts that mean something, in any order. Without NUL and bytes beyond ASCII, which the tool takes for C and Latin-1.
PARTS = st.sampled_from(
    [
        *("[client]\n", "[other]\n", "[ client\t] x\n", "user=", "key", "-", "_", " = ", "a", "1", "include ", "!"),
        *" \t\r\v\f\n\n\n'\"\\#;=[]nrtbsq",
    ]
)


@pytest.mark.skipif(TOOL is None, reason="my_print_defaults is not installed")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(PARTS, max_size=40).map("".join))
def test_the_same_as_the_tool(tmp_path: Path, lines: str) -> None:
    # An option without a name makes the tool read what is in front of the line.
    assume(not any(line.lstrip(" \t\r\v\f").startswith("=") for line in lines.split("\n")))
    path = tmp_path / "f.cnf"
    path.write_bytes(f"[client]\n{lines}\n".encode())
    assert ours(str(path)) == printed(str(path))


@pytest.mark.skipif(TOOL is None, reason="my_print_defaults is not installed")
def test_the_same_as_the_tool_with_includes(tmp_path: Path) -> None:
    for name in ("b.cnf", "a.cnf", ".hidden.cnf", "no.ini", "B.cnf", ".cnf"):
        write(tmp_path / "d" / name, "[client]", f"from={name}", "[other]", "x=1")
    write(tmp_path / "inner", "[client]", "inner", f"!includedir {tmp_path}/d", "end-of-inner")
    path = write(
        *(tmp_path / "f", "[client]", "first", f"!include {tmp_path}/inner", "second", f"!include {tmp_path}/missing"),
        *("[other]", f"! \tincludedir  {tmp_path}/d  ", "[client]", "last"),
    )
    assert ours(path) == printed(path)
    assert (printed(path) or "").count("\n") == 15
