"""The private server, seen from outside: sockets, processes and files, and SQL where only SQL can answer."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import mariadb_py
from mariadb_py.testing import ServerNotFound, ServerStartError, TempServer, temp_server
from mariadb_py.testing import server as server_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0  # seconds; only there so that a failure is not a hang


@pytest.fixture(scope="module")
def own() -> Iterator[TempServer]:
    """A server that the tests of this file may stop and kill."""
    with temp_server(options=["--max-connections=50"]) as server:
        yield server


def greeting(family: int, address: object) -> bytes:
    with socket.socket(family) as client:
        client.settimeout(PATIENCE)
        client.connect(address)  # type: ignore[arg-type]
        return client.recv(4096)


def query(server: TempServer, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with (
        mariadb_py.connect(**server.connect_args, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def running_in_group(group: int) -> list[str]:
    """Processes of a process group, without those that ended and were not waited for yet."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = stat.read_text().rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        state, _, its_group = fields.split()[:3]
        if int(its_group) == group and state != "Z":
            found.append(name)
    return found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def python(script: str, **environment: str) -> subprocess.Popen[str]:
    """Another interpreter, in a process group of its own as a shell would start it."""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protocol'}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder that the test must leave empty. Not tmp_path: a unix socket's path has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    folder.rmdir()


class TestRunning:
    def test_greets_on_both_addresses(self, own: TempServer) -> None:
        for family, address in ((socket.AF_INET, (own.host, own.port)), (socket.AF_UNIX, own.unix_socket)):
            packet = greeting(family, address)
            assert packet[3:5] == b"\0\x0a"
            assert b"MariaDB" in packet

    def test_listens_on_loopback_below_the_ephemeral_ports(self, own: TempServer) -> None:
        assert own.host == "127.0.0.1"
        assert 1024 < own.port < 32768

    def test_connect_args_are_a_copy(self, own: TempServer) -> None:
        own.connect_args.clear()
        assert own.connect_args == {
            "host": "127.0.0.1",
            "port": own.port,
            "user": "mariadb_py",
            "password": own.password,
            "database": "test",
        }

    def test_version(self, own: TempServer) -> None:
        major, minor, patch = own.version
        assert query(own, "SELECT VERSION()")[0][0].startswith(f"{major}.{minor}.{patch}-MariaDB")

    def test_folder_is_private(self, own: TempServer) -> None:
        assert own.folder.stat().st_mode & 0o777 == 0o700
        assert own.datadir.parent == own.folder
        assert not (own.folder / "accounts.sql").exists()

    def test_all_privileges_and_no_other_account(self, own: TempServer) -> None:
        assert query(own, "SELECT User, Host FROM mysql.global_priv WHERE User <> 'mariadb.sys' ORDER BY Host") == [
            ("mariadb_py", "127.0.0.1"),
            ("mariadb_py", "::1"),
            ("mariadb_py", "localhost"),
        ]
        grant = query(own, "SHOW GRANTS")[0][0]
        assert re.fullmatch(r"GRANT ALL PRIVILEGES ON \*\.\* TO `mariadb_py`@`127.0.0.1` .* WITH GRANT OPTION", grant)

    def test_options_and_character_set(self, own: TempServer) -> None:
        assert query(own, "SELECT @@max_connections, @@character_set_database, DATABASE()") == [(50, "utf8mb4", "test")]

    def test_nobody_else_gets_in(self, own: TempServer) -> None:
        for user, password in (("root", ""), ("", ""), ("mariadb_py", "")):
            with pytest.raises(mariadb_py.Error, match="Access denied"):
                mariadb_py.connect(host=own.host, port=own.port, user=user, password=password)


class TestLife:
    def test_crash_and_restart_keep_port_and_data(self, own: TempServer) -> None:
        query(own, "CREATE OR REPLACE TABLE kept (n INT)")
        query(own, "INSERT INTO kept VALUES (7)")
        before = own.pid, own.port
        own.kill()
        assert not own.running
        own.start()
        assert own.running
        assert own.pid != before[0]
        own.restart()
        assert own.port == before[1]
        assert query(own, "SELECT n FROM kept") == [(7,)]

    def test_stop_is_orderly_and_may_be_repeated(self, own: TempServer) -> None:
        own.stop()
        own.stop()
        own.kill()
        assert "Shutdown complete" in own.log.read_text()
        with pytest.raises(RuntimeError, match="does not run"):
            own.pid  # noqa: B018
        with pytest.raises(ConnectionRefusedError):
            greeting(socket.AF_INET, (own.host, own.port))
        own.start()

    def test_stop_reaches_a_halted_server(self, own: TempServer) -> None:
        os.kill(own.pid, signal.SIGSTOP)
        own.stop()
        assert not own.running
        own.start()

    def test_start_twice(self, own: TempServer) -> None:
        with pytest.raises(RuntimeError, match=f"runs already, as process {own.pid}"):
            own.start()

    def test_nothing_left_after_an_error(self) -> None:
        with pytest.raises(ZeroDivisionError), temp_server() as server:
            pid, folder = server.pid, server.folder
            raise ZeroDivisionError
        assert not running_in_group(pid)
        assert not folder.exists()

    def test_ordinary_user(self, empty: Path) -> None:
        drop = "os.setgroups([]); os.setgid(65534); os.setuid(65534)" if os.geteuid() == 0 else ""
        script = (
            "import os, secrets\n"
            "from mariadb_py.testing import temp_server\n"
            f"{drop}\n"
            "with temp_server() as server: print(os.stat(server.datadir).st_uid, server.pid)\n"
        )
        empty.chmod(0o777)
        with python(script, TMPDIR=str(empty)) as other:
            assert other.stdout is not None
            output = other.stdout.read()
            assert other.wait(PATIENCE) == 0
        uid, pid = map(int, output.split())
        assert uid == (os.geteuid() or 65534)
        assert not running_in_group(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
class TestOwnerEnds:
    """Whatever ends the process that called temp_server(): neither processes nor files stay."""

    def end(self, owner: subprocess.Popen[str], number: signal.Signals, folder: Path) -> None:
        (pid_file,) = folder.glob("*/pid")
        group = int(pid_file.read_text())
        assert running_in_group(group)
        os.killpg(owner.pid, number)
        assert owner.wait(PATIENCE) != 0
        wait_until(lambda: not running_in_group(group) and not list(folder.iterdir()))

    def test_while_serving(self, number: signal.Signals, empty: Path) -> None:
        script = (
            "import time\n"
            "from mariadb_py.testing import temp_server\n"
            "with temp_server():\n"
            "    print('ready', flush=True)\n"
            "    time.sleep(600)\n"
        )
        with python(script, TMPDIR=str(empty)) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "ready\n"
            self.end(owner, number, empty)

    def test_while_installing(self, number: signal.Signals, empty: Path, tmp_path: Path) -> None:
        installer = tmp_path / "mariadb-install-db"
        installer.write_text("#!/bin/sh\nsleep 600 &\nwait\n")
        installer.chmod(0o755)
        script = "from mariadb_py.testing import temp_server\nwith temp_server(): pass\n"
        search = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        with python(script, TMPDIR=str(empty), PATH=search) as owner:
            wait_until(lambda: owner.poll() or any(path.read_text() for path in empty.glob("*/pid")))
            self.end(owner, number, empty)


class TestParameters:
    def test_names_and_secrets_may_hold_any_character(self) -> None:
        odd = "o'\\`\"#-- é"
        with temp_server(user=odd, password=odd, database=odd) as server:
            assert query(server, "SELECT CURRENT_USER(), DATABASE()") == [(f"{odd}@127.0.0.1", odd)]

    def test_no_database(self) -> None:
        with temp_server(database=None, password="x") as server:
            assert server.connect_args == {
                "host": "127.0.0.1",
                "port": server.port,
                "user": "mariadb_py",
                "password": "x",
            }
            assert ("test",) not in query(server, "SHOW DATABASES")

    def test_two_at_once(self, own: TempServer) -> None:
        with temp_server() as other:
            assert other.port != own.port
            assert other.password != own.password


MYSQL_ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mariadb_py" / "sid"


@pytest.fixture(scope="module")
def mysql() -> Iterator[TempServer]:
    if os.geteuid() != 0 or not MYSQL_ROOT.exists():
        pytest.skip("there is no MySQL server, or no chroot; `make servers` fetches it as root")
    with temp_server(root=str(MYSQL_ROOT), options=["--max-connections=50"], database="o'\\`\"#-- é") as server:
        yield server


class TestMySQL:
    def test_what_it_is(self, own: TempServer, mysql: TempServer) -> None:
        assert (own.mysql, mysql.mysql) == (False, True)
        assert mysql.version >= (9, 0, 0)
        assert query(mysql, "SELECT VERSION() LIKE ?", ("{}.{}.{}-%".format(*mysql.version),)) == [(1,)]

    def test_account_database_and_options(self, mysql: TempServer) -> None:
        assert mysql.connect_args["allow_public_key_retrieval"] is True
        assert query(mysql, "SELECT CURRENT_USER(), DATABASE(), @@max_connections, @@character_set_database") == [
            ("mariadb_py@127.0.0.1", "o'\\`\"#-- é", 50, "utf8mb4")
        ]
        assert query(mysql, "SELECT user, plugin FROM mysql.user WHERE user NOT LIKE 'mysql.%'") == (
            [("mariadb_py", "caching_sha2_password")] * 3
        )
        assert not (mysql.folder / "accounts.sql").exists()
        with pytest.raises(mariadb_py.Error, match="Access denied"):
            mariadb_py.connect(**{**mysql.connect_args, "user": "root", "password": ""})

    def test_certificates_can_be_read_from_outside(self, mysql: TempServer) -> None:
        for name in ("ca.pem", "public_key.pem"):
            assert (mysql.datadir / name).read_text().startswith("-----BEGIN ")
        assert query(mysql, "SELECT @@datadir") == [(mysql.inside(mysql.datadir) + "/",)]

    def test_restart(self, mysql: TempServer) -> None:
        query(mysql, "CREATE TABLE kept (n INT)")
        mysql.kill()
        mysql.restart()
        assert query(mysql, "SELECT COUNT(*) FROM kept") == [(0,)]
        assert greeting(socket.AF_UNIX, mysql.unix_socket)[3:6] == b"\0\x0a9"

    def test_an_account_that_cannot_be_made(self, mysql: TempServer) -> None:
        with (
            pytest.raises(ServerStartError, match=r"(?s)could not create the account.*too long for user name"),
            temp_server(root=str(MYSQL_ROOT), user="x" * 60),
        ):
            pass


class TestFailures:
    @pytest.fixture(autouse=True)
    def leaves_nothing(self, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(empty))

    def test_program_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(server_module.PROGRAMS, "mariadbd-of-nowhere", "mariadb-server-core")
        with pytest.raises(ServerNotFound) as caught, temp_server():
            pass
        assert str(caught.value) == (
            "mariadbd-of-nowhere is not installed; on Debian it is in the package mariadb-server-core"
        )

    def start_fails(self, message: str, **arguments: Any) -> None:
        with pytest.raises(ServerStartError, match=message), temp_server(**arguments):
            pass

    def test_early_death_quotes_the_log(self) -> None:
        self.start_fails(
            r"mariadbd ended with status \d+; its log ends:\n(?s:.*)no-such-thing",
            options=["--no-such-thing"],
        )

    def test_failed_installation_quotes_the_log(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_module, "SMALL", ("--no-such-thing",))
        self.start_fails(r"mariadb-install-db ended with status \d+; its log ends:\n")

    def test_slow_installation(self) -> None:
        self.start_fails(r"mariadb-install-db did not end within 0\.01 s", start_timeout=0.01)

    def test_server_that_does_not_greet(self) -> None:
        with temp_server() as server:
            server.stop()
            server.start_timeout = 0
            with pytest.raises(ServerStartError, match="mariadbd did not greet within 0 s"):
                server.start()
            assert not server.running

    def test_no_free_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            monkeypatch.setattr(server_module, "PORTS", [taken.getsockname()[1]] * 100)
            with pytest.raises(ServerStartError, match="no free TCP port: 100 tried"):
                server_module.free_port()
