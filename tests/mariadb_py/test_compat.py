"""Programs that say `import mariadb`. Each runs in an interpreter of its own: what is under test outlives a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mariadb_py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "from mariadb_py.compat import install_as_mariadb; install_as_mariadb()"


def run(*lines: str, paths: tuple[Path, ...] = ()) -> str:
    """What a program prints that sees `paths` and this source tree; `-S` keeps out what is installed."""
    folders = [str(path) for path in (*paths, ROOT, ROOT / "protocol")]
    program = "\n".join((f"import sys; sys.path[:0] = {folders!r}", *lines))
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder with another package of that name."""
    (tmp_path / "mariadb").mkdir()
    (tmp_path / "mariadb" / "__init__.py").write_text("WHO = 'stranger'\n")
    return tmp_path


@pytest.mark.parametrize(
    "expression",
    [
        "mariadb is mariadb_py",
        "mariadb._CONNECTION_POOLS is mariadb_py._CONNECTION_POOLS",
        "mariadb.OperationalError is mariadb_py.exceptions.OperationalError",
        "mariadb.constants.CLIENT.FOUND_ROWS == 2",
        # What Connector/Python has after `import mariadb` alone:
        "mariadb.connections.Connection is mariadb_py.Connection",
        "mariadb.cursors.Cursor is mariadb_py.Cursor",
        "mariadb.connectionpool.ConnectionPool is mariadb_py.ConnectionPool",
        "mariadb.dbapi20.DbApiType is mariadb_py.DbApiType",
        "mariadb.field.fieldinfo is mariadb.fieldinfo",
        "mariadb.release_info.__version_info__ == mariadb.__version_info__",
    ],
)
def test_the_package_alone(expression: str) -> None:
    assert run(INSTALL, "import mariadb, mariadb_py", f"print({expression})") == "True"


@pytest.mark.parametrize(
    ("statement", "name", "ours"),
    [
        ("import mariadb", "mariadb", "mariadb_py"),
        ("import mariadb as db", "db", "mariadb_py"),
        ("from mariadb import connect", "connect", "mariadb_py.connect"),
        ("from mariadb import constants", "constants", "mariadb_py.constants"),
        ("import mariadb.constants", "mariadb.constants", "mariadb_py.constants"),
        ("from mariadb.constants import CLIENT", "CLIENT", "mariadb_py.constants.CLIENT"),
        ("from mariadb.constants import *", "INDICATOR", "mariadb_py.constants.INDICATOR"),
        ("from mariadb.constants.CURSOR import READ_ONLY", "READ_ONLY", "mariadb_py.constants.CURSOR.READ_ONLY"),
        ("import mariadb.constants.ERR", "mariadb.constants.ERR", "mariadb_py.constants.ERR"),
        ("import mariadb.constants.ERR as E", "E", "mariadb_py.constants.ERR"),
        ("from mariadb.connections import Connection", "Connection", "mariadb_py.Connection"),
        ("import mariadb.connections as m", "m", "mariadb_py.connection"),
        ("from mariadb.cursors import Cursor", "Cursor", "mariadb_py.Cursor"),
        ("import mariadb.cursors", "mariadb.cursors", "mariadb_py.cursor"),
        ("from mariadb.connectionpool import ConnectionPool", "ConnectionPool", "mariadb_py.ConnectionPool"),
        ("from mariadb.connectionpool import MAX_POOL_SIZE", "MAX_POOL_SIZE", "mariadb_py.pool.MAX_POOL_SIZE"),
        ("from mariadb.dbapi20 import DATETIME", "DATETIME", "mariadb_py.DATETIME"),
        ("from mariadb.dbapi20 import paramstyle", "paramstyle", "mariadb_py.paramstyle"),
        ("from mariadb.field import fieldinfo", "fieldinfo", "mariadb_py.fieldinfo"),
        ("from mariadb.release_info import __version__", "__version__", "mariadb_py.__version__"),
        ("from mariadb.exceptions import Error", "Error", "mariadb_py.Error"),
        # SQLAlchemy's way to the constants
        ("m = __import__('mariadb.constants.CLIENT').constants.CLIENT", "m", "mariadb_py.constants.CLIENT"),
        ("import importlib; m = importlib.import_module('mariadb.cursors')", "m", "mariadb_py.cursor"),
    ],
)
def test_forms_of_import(statement: str, name: str, ours: str) -> None:
    assert run(INSTALL, statement, "import mariadb_py", f"print({name} is {ours})") == "True"


def test_no_module_is_loaded_twice_or_renamed() -> None:
    lines = run(
        INSTALL,
        "import mariadb.constants.CLIENT, mariadb.constants.ERR, mariadb.connections, mariadb.field, mariadb.core.pool",
        "for name in [name for name in sys.modules if name.split('.')[0] == 'mariadb']:",
        "    module = sys.modules[name]",
        "    print(name, module.__name__, module.__spec__.name, module is sys.modules[module.__name__])",
    )
    found = {line.split()[0]: line.split()[1:] for line in lines.splitlines()}
    assert found == {
        f"mariadb{alias}": [f"mariadb_py{name}", f"mariadb_py{name}", "True"]
        for alias, name in {
            "": "",
            ".connectionpool": ".pool",
            ".connections": ".connection",
            ".constants": ".constants",
            ".constants.CLIENT": ".constants.CLIENT",
            ".constants.ERR": ".constants.ERR",
            ".core": ".core",
            ".core.pool": ".core.pool",
            ".cursors": ".cursor",
            ".dbapi20": "",
            ".field": ".field",
            ".release_info": "",
        }.items()
    }


def test_constants_stay_lazy() -> None:
    assert run(INSTALL, "print([name for name in sys.modules if 'constants.' in name])") == "[]"


def test_what_is_not_there_is_not_found() -> None:
    assert run(
        INSTALL,
        "for name in ('mariadb.nothing', 'mariadb.constants.NOTHING', 'mariadb.pool.Pool', 'mariadb_other'):",
        "    try: __import__(name)",
        "    except ModuleNotFoundError as error: print(error.name)",
    ).split() == ["mariadb.nothing", "mariadb.constants.NOTHING", "mariadb.pool.Pool", "mariadb_other"]


def test_it_goes_before_an_installed_package(stranger: Path) -> None:
    assert run(INSTALL, "import mariadb, mariadb_py", "print(mariadb is mariadb_py)", paths=(stranger,)) == "True"


def test_twice_is_as_good_as_once() -> None:
    count = "print(len(sys.meta_path))"
    once, twice = run(INSTALL, count, "install_as_mariadb()", "import mariadb", "install_as_mariadb()", count).split()
    assert once == twice


def test_a_second_driver_is_refused(stranger: Path) -> None:
    message = run(
        "import mariadb",
        "from mariadb_py.compat import install_as_mariadb",
        "before = list(sys.meta_path)",
        "try: install_as_mariadb()",
        "except RuntimeError as error: print(error)",
        "assert sys.meta_path == before and mariadb.WHO == 'stranger' and sys.modules['mariadb'] is mariadb",
        paths=(stranger,),
    )
    assert message == (
        "install_as_mariadb() comes too late: another module mariadb is already imported "
        f"({stranger / 'mariadb' / '__init__.py'}); call it before anything imports mariadb"
    )


def test_importing_the_module_changes_nothing(stranger: Path) -> None:
    report = run(
        "before = list(sys.meta_path)",
        "import mariadb_py.compat",
        "assert sys.meta_path == before and 'mariadb' not in sys.modules",
        "import mariadb; print(mariadb.WHO)",
        paths=(stranger,),
    )
    assert report == "stranger"


def test_an_error_survives_a_pickle() -> None:
    assert (
        run(
            INSTALL,
            "import mariadb, pickle",
            "error = pickle.loads(pickle.dumps(mariadb.ProgrammingError('no', 1064, '42000')))",
            "print(type(error) is mariadb.ProgrammingError, error.errno)",
        )
        == "True 1064"
    )


# Facts of the module itself


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("apilevel", "2.0"),
        ("paramstyle", "qmark"),
        ("threadsafety", 1),
        ("mariadbapi_version", "3.3.20"),
        ("client_version_info", (3, 3, 20)),
        ("client_version", 30320),  # 33020 in Connector/Python 1.1, which multiplies the minor version by 1000
        ("__author__", "mariadb_py authors"),
    ],
)
def test_module_attributes(name: str, value: Any) -> None:
    assert getattr(mariadb_py, name) == value


def test_everything_of_connector_python_is_public() -> None:
    names = {
        *("BINARY", "Binary", "Connection", "ConnectionPool", "Cursor", "DATE", "DATETIME", "DataError"),
        *("DatabaseError", "Date", "DateFromTicks", "DbApiType", "Error", "IntegrityError"),
        *("InterfaceError", "InternalError", "NUMBER", "NotSupportedError", "OperationalError"),
        *("PoolError", "ProgrammingError", "ROWID", "STRING", "TIME", "TIMESTAMP", "Time"),
        *("TimeFromTicks", "Timestamp", "TimestampFromTicks", "Warning", "_CONNECTION_POOLS"),
        *("__author__", "__version__", "__version_info__", "apilevel", "client_version"),
        *("client_version_info", "connect", "constants", "fieldinfo", "mariadbapi_version", "paramstyle"),
        "threadsafety",
    }
    assert names - set(mariadb_py.__all__) == set()
    assert [name for name in mariadb_py.__all__ if not hasattr(mariadb_py, name)] == []
    assert set(mariadb_py.__all__) <= set(dir(mariadb_py))


def test_the_version_is_written_once_more_as_numbers() -> None:
    assert ".".join(map(str, mariadb_py.__version_info__)) == mariadb_py.__version__


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'mariadb_py' has no attribute 'conect'$"):
        getattr(mariadb_py, "conect")  # noqa: B009  # a type checker would refuse the plain form


# With a server


def test_a_program_for_connector_python(connect_args: dict[str, Any]) -> None:
    report = run(
        INSTALL,
        "import json, mariadb",
        "from mariadb.constants import CLIENT, FIELD_TYPE",
        f"connection = mariadb.connect(**json.loads({json.dumps(connect_args)!r}))",
        "assert connection.client_capabilities & CLIENT.PLUGIN_AUTH",
        "cursor = connection.cursor()",
        "cursor.execute('SELECT ? AS a', ('b',))",
        "print(cursor.fetchall(), cursor.description[0][1] == FIELD_TYPE.VAR_STRING == mariadb.STRING)",
        "try: cursor.execute('SELECT')",
        "except mariadb.ProgrammingError as error: print(error.errno)",
        "connection.close()",
    )
    assert report.splitlines() == ["[('b',)] True", "1064"]
