"""A private MariaDB or MySQL server in a temporary folder, made and removed by this process.

It knows the programs of an installation and how to start, probe and end them. It must not know the
driver, whose tests stand on it.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

# What installation and server both get: a server that is small and quick to start.
SMALL = ("--skip-name-resolve", "--performance-schema=OFF", "--innodb-buffer-pool-size=16M")
MARIADB_OPTIONS = ("--innodb-log-file-size=4M",)
MYSQL_OPTIONS = (
    "--innodb-redo-log-capacity=16M",
    "--mysqlx=OFF",  # another port
    "--secure-file-priv=",  # as in MariaDB; the folder that is built in need not be there, and then nothing starts
    "--skip-log-bin",
)
HOSTS = ("localhost", "127.0.0.1", "::1")
# Ephemeral ports begin above: no outgoing connection of this machine takes one of these between two starts.
PORTS = range(10240, 32768)
# Programs and Debian's packages that have them; first the server itself.
# my_print_defaults is called by mariadb-install-db, whose own message about it does not say where to get it.
PROGRAMS = {
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
}
MYSQL_PROGRAMS = {"mysqld": "mysql-server-core"}
INIT_FILE_FAILED = b"[MY-000061]"  # the server is up nevertheless
# Header of a packet, protocol 10, and the version, which MariaDB up to 10.11 disguises for old replicas.
GREETING = re.compile(rb"(?s)....\n(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")
STOP_TIMEOUT = 30.0
LOG_LINES = 15

# Ends the child and removes the folder when the owner closes the pipe or is gone for whatever reason, kill -9
# included. A child that dies may still finish a system call that makes a file, hence the second try.
GUARD = """
cat >/dev/null
: >"$1/closing"
read -r pid <"$1/pid" && kill -s KILL -- "-$pid"
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"""
# The pid is on disk before the program runs, and the guard says that it is at work before it reads it: either it finds
# the pid, or the program is not begun.
LAUNCH = 'echo $$ >"$0/pid" && [ ! -e "$0/closing" ] && exec "$@"'


class ServerNotFound(RuntimeError):
    """A program of the server is not installed."""


class ServerStartError(RuntimeError):
    """The server could not be set up or started; the message quotes the end of its log."""


def find_program(name: str, root: str = "") -> str:
    """Path of a program of the server, from PATH or the folders that PATH of an ordinary user lacks.

    Args:
        name: name of the program.
        root: folder with another system; the path is one inside of it.

    Raises:
        ServerNotFound: it is not installed.
    """
    folders = ["/usr/sbin", "/usr/bin"] if root else [*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"]
    path = shutil.which(name, path=os.pathsep.join(root + folder for folder in folders))
    if path is None:
        where = f" in {root}" if root else ""
        package = {**PROGRAMS, **MYSQL_PROGRAMS}[name]
        raise ServerNotFound(f"{name} is not installed{where}; on Debian it is in the package {package}")
    return path[len(root) :]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on.

    Raises:
        ServerStartError: 100 ports were tried and all are taken.
    """
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerStartError("no free TCP port: 100 tried, all taken")


def text_literal(text: str) -> str:
    """`text` as an SQL string under the default sql_mode."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def accounts_sql(drop: Sequence[str], user: str, password: str, database: str | None) -> str:
    """The statements that replace the accounts of a new data directory by one that may do everything.

    A new directory has a root without a password, which anybody on the machine could use; `drop` removes it.
    """
    name, secret = text_literal(user), text_literal(password)
    statements = [
        "SET NAMES utf8mb4",
        *drop,
        *(f"CREATE USER {name}@'{host}' IDENTIFIED BY {secret}" for host in HOSTS),
        *(f"GRANT ALL PRIVILEGES ON *.* TO {name}@'{host}' WITH GRANT OPTION" for host in HOSTS),
    ]
    if database is not None:
        quoted = database.replace("`", "``")
        create = text_literal(f"CREATE DATABASE `{quoted}` CHARACTER SET utf8mb4")
        # Not as it stands: MySQL, which cuts the file into statements, takes no notice of `.
        statements += [f"PREPARE stmt FROM {create}", "EXECUTE stmt"]
    return "".join(f"{statement};\n" for statement in statements)


class TempServer:
    """A running server. Made by `temp_server()`.

    Paths are those that this process sees; `inside()` is how the server sees them.

    Attributes:
        mysql: it is a MySQL server.
        version: release of the server, such as (10, 11, 19).
        host: always "127.0.0.1".
        port: TCP port, the same over restarts.
        unix_socket: path of the server's socket.
        user, password: an account with all privileges from 127.0.0.1 and the unix socket.
        database: an empty utf8mb4 database, or None.
        folder: all that the server writes is in it; removed in the end.
        datadir: the data directory. MySQL has its generated certificates (ca.pem ...) and public_key.pem there.
        options: those that the caller gave; a change counts from the next start.
        log: file with what the server says.
    """

    host = "127.0.0.1"
    mysql = False
    version: tuple[int, int, int]
    _needed: Mapping[str, str] = PROGRAMS
    _options: Sequence[str] = MARIADB_OPTIONS

    def __init__(
        self,
        *,
        options: Sequence[str],
        user: str,
        password: str,
        database: str | None,
        start_timeout: float,
        root: str,
    ) -> None:
        self.user = user
        self.password = password
        self.database = database
        self.options = tuple(options)
        self.start_timeout = start_timeout
        self._root = root
        self._programs = [find_program(name, root) for name in self._needed]
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="mariadb_py-", dir=f"{root}/tmp" if root else None))
        self._process: subprocess.Popen[bytes] | None = None
        self._accounts = self.folder / "accounts.sql"
        self._first_start: Sequence[str] = ()
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        self.datadir = self.folder / "data"
        self.unix_socket = str(self.folder / "socket")
        self.log = self.folder / "log"

    def inside(self, path: str | Path) -> str:
        """A path as the server sees it: in options and statements."""
        return str(path)[len(self._root) :]

    @property
    def connect_args(self) -> dict[str, Any]:
        """Keywords for `mariadb_py.connect()`, over TCP. A new dict each time."""
        args = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        return args if self.database is None else {**args, "database": self.database}

    @property
    def running(self) -> bool:
        """The server process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the server.

        Raises:
            RuntimeError: the server does not run.
        """
        if self._process is None or not self.running:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Start the stopped server on the same data and port, and wait until it greets.

        Raises:
            ServerStartError: it died, or did not greet within start_timeout seconds.
            RuntimeError: it runs already.
        """
        if self.running:
            raise RuntimeError(f"the server runs already, as process {self.pid}")
        deadline = time.monotonic() + self.start_timeout
        process = self._launch(
            self._programs[0],
            f"--socket={self.inside(self.unix_socket)}",
            f"--port={self.port}",
            f"--bind-address={self.host}",
            *self._first_start,
            *self.options,
        )
        name = os.path.basename(self._programs[0])
        while not self._greets():
            if process.poll() is not None:
                raise self._failure(f"{name} ended with status {process.returncode}")
            if time.monotonic() > deadline:
                raise self._failure(f"{name} did not greet within {self.start_timeout:g} s")
            time.sleep(0.01)
        self._first_start = ()
        self._accounts.unlink(missing_ok=True)

    def stop(self) -> None:
        """Shut the server down in good order (SIGTERM). Nothing happens if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a crash would (SIGKILL). Nothing happens if it does not run."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """`stop()`, then `start()`. For a crash and what follows: `kill()`, then `start()`."""
        self.stop()
        self.start()

    def _install(self) -> None:
        self._write_accounts(
            "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys'",
            "FLUSH PRIVILEGES",  # also makes account statements possible in a server that is being installed
        )
        self._run(
            self._programs[1],
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--extra-file={self.inside(self._accounts)}",
            "--force",  # a system in a folder does not know the name of this machine
        )

    def _write_accounts(self, *drop: str) -> None:
        self._accounts.write_text(accounts_sql(drop, self.user, self.password, self.database), encoding="utf-8")

    def _run(self, program: str, *arguments: str) -> None:
        """Run a program of the server to its end."""
        process, name = self._launch(program, *arguments), os.path.basename(program)
        try:
            status = process.wait(self.start_timeout)
        except subprocess.TimeoutExpired:
            raise self._failure(f"{name} did not end within {self.start_timeout:g} s") from None
        if status != 0:
            raise self._failure(f"{name} ended with status {status}")

    def _launch(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a program of the server in a session of its own, where no Ctrl-C of the terminal reaches it."""
        command = [
            *(["chroot", self._root] if self._root else []),
            program,
            "--no-defaults",
            f"--datadir={self.inside(self.datadir)}",
            # Not the common one: a server that starts clears its temporary folder, another's installation included.
            f"--tmpdir={self.inside(self.folder)}",
            *SMALL,
            *self._options,
            *(["--user=root"] if os.geteuid() == 0 else []),  # a server refuses to be root unasked
            *arguments,
        ]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", LAUNCH, str(self.folder), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )
        return self._process

    def _greets(self) -> bool:
        """The server sends its greeting, which says what version it is."""
        greeting = None
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.settimeout(1.0)
            probe.connect(self.unix_socket)
            greeting = GREETING.match(probe.recv(256))
        if greeting is None:
            return False
        major, minor, patch = map(int, greeting.groups())
        self.version = major, minor, patch
        return True

    def _failure(self, what: str) -> ServerStartError:
        """The error for a start that failed, with the end of the log; ends what may still run."""
        self.kill()
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return ServerStartError("\n  ".join((f"{what}; its log ends:", *lines[-LOG_LINES:])))

    def _end(self, number: int) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, number)
            os.killpg(process.pid, signal.SIGCONT)  # one that a test has halted must hear it too
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        # The id may soon be somebody else's: the guard must not find it.
        (self.folder / "pid").unlink(missing_ok=True)
        self._process = None

    def _remove(self) -> None:
        self.kill()
        self._guard.communicate()


class TempMySQL(TempServer):
    """A running MySQL server."""

    mysql = True
    _needed = MYSQL_PROGRAMS
    _options = MYSQL_OPTIONS

    @property
    def connect_args(self) -> dict[str, Any]:
        """As for MariaDB; without TLS, caching_sha2_password asks for the server's public key at the first login."""
        return {**super().connect_args, "allow_public_key_retrieval": True}

    def _install(self) -> None:
        self._run(self._programs[0], "--initialize-insecure")
        # Account statements are not possible sooner. The file is done before anybody is let in.
        self._write_accounts("DROP USER root@localhost")
        self._first_start = [f"--init-file={self.inside(self._accounts)}"]

    def start(self) -> None:
        """As for MariaDB; raises a ServerStartError also where the first start could not make the account."""
        super().start()
        if INIT_FILE_FAILED in self.log.read_bytes():
            raise self._failure("mysqld could not create the account or the database")


def server_class(root: str) -> type[TempServer]:
    """The kind of server that is installed: MariaDB where there are both, or neither."""
    for kind in (TempServer, TempMySQL):
        with contextlib.suppress(ServerNotFound):
            find_program(next(iter(kind._needed)), root)
            return kind
    return TempServer


@contextlib.contextmanager
def temp_server(
    *,
    options: Sequence[str] = (),
    user: str = "mariadb_py",
    password: str | None = None,
    database: str | None = "test",
    start_timeout: float = 30.0,
    root: str | None = None,
) -> Iterator[TempServer]:
    """A private server for the time of a `with` block.

    It has a temporary folder, a unix socket and a free TCP port of 127.0.0.1, reads no option file, and knows
    one account, which has all privileges: there is no root. Whatever ends the block or the process also ends
    the server and removes the folder. It runs as the user who calls, root or not, and needs the programs of
    Debian's packages mariadb-server-core and mariadb-client-core. Where there is no MariaDB but MySQL (package
    mysql-server-core), it is a MySQL server.

    Args:
        options: more options of the server, such as "--max-connections=50"; they override the ones given here.
        user: account name.
        password: its password; None makes one up.
        database: a database to create, with character set utf8mb4; None for none.
        start_timeout: seconds that the installation and each start may take.
        root: folder with another Debian system, as debootstrap makes it, whose server is to run there (by chroot, which
            only root may do); None: the environment variable MARIADB_PY_SERVER_ROOT, and without it this system.

    Raises:
        ServerNotFound: a program is not installed; the message names Debian's package.
        ServerStartError: the server did not start; the message quotes its log.
    """
    if password is None:
        import secrets

        password = secrets.token_urlsafe(16)
    root = (os.environ.get("MARIADB_PY_SERVER_ROOT", "") if root is None else root).rstrip("/")
    server = server_class(root)(
        options=options,
        user=user,
        password=password,
        database=database,
        start_timeout=start_timeout,
        root=root,
    )
    try:
        server._install()
        server.start()
        yield server
    finally:
        server._remove()
