"""Fixtures of the whole suite. Tests that ask for none of them need no server."""

from __future__ import annotations

import gc
import signal

import pytest

from mariadb_py.testing import TempServer, temp_server
from tests.support.one_face import FACES, face_of, has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.support.faces import AsyncFace
    from tests.support.server import Connector


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mariadb(reason): needs MariaDB; skipped on a MySQL server")


@pytest.hookimpl(tryfirst=True)  # so that the face comes first in the id
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "face" in metafunc.fixturenames:
        metafunc.parametrize("face", FACES, indirect=True)


def pytest_collection_finish() -> None:
    """Half a million objects live as long as the session: no collection of garbage has to go through them."""
    if hasattr(gc, "freeze"):
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what asyncio does not have."""
    items[:] = [item for item in items if has(*face_of(item.nodeid))]


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A test that does nothing with a face, and does not even ask for its name, does not need two."""
    other = pyfuncitem.funcargs.get("face_under_test")
    outcome = yield
    idle = other is not None and not other.calls and "face" not in pyfuncitem._fixtureinfo.argnames
    if idle and outcome.excinfo is None:  # type: ignore[attr-defined]
        outcome.force_exception(AssertionError("nothing was done with asyncio: see tests.support.one_face"))  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def asyncio_face() -> Iterator[AsyncFace]:
    """An event loop for the tests of a file."""
    from tests.support.faces import AsyncFace

    face = AsyncFace()
    yield face
    face.close()


@pytest.fixture
def face_under_test(face: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What `mariadb_py` opens meanwhile is of the face; for asyncio, what carries that out."""
    if face == "sync":
        yield None
        return
    other: AsyncFace = request.getfixturevalue("asyncio_face")
    other.calls = 0
    other.take_over(monkeypatch.setattr)
    yield other
    other.settle()


@pytest.fixture
def face(request: pytest.FixtureRequest) -> str:
    """Name of the face that the test runs over."""
    return str(request.param)


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """Ctrl-C means what it usually does, also where a shell has put these tests into the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def needs_mariadb(request: pytest.FixtureRequest) -> None:
    mark = request.node.get_closest_marker("mariadb")
    if mark is not None and request.getfixturevalue("server").mysql:
        pytest.skip(*mark.args)


@pytest.fixture(scope="session")
def server() -> Iterator[TempServer]:
    """The suite's private server. A test that stops it or changes global state makes one of its own."""
    from tests.support.server import LIKE_MARIADB, prepare_mysql

    with temp_server(options=LIKE_MARIADB) as server:
        if server.mysql:
            prepare_mysql(server)
        yield server


@pytest.fixture(scope="session")
def plugin_server() -> Iterator[TempServer]:
    """A server that can INSTALL SONAME 'auth_ed25519', 'auth_pam' and, from 11.6, 'auth_parsec'; not to be stopped."""
    from tests.support.server import plugin_dir

    folder = plugin_dir()
    if folder is None:
        pytest.skip("there are no MariaDB authentication plugins; `make servers` fetches them")
    with temp_server(options=[f"--plugin-dir={folder}"]) as server:
        yield server


@pytest.fixture
def connect_args(server: TempServer) -> dict[str, Any]:
    """Keywords for `mariadb_py.connect()`."""
    return server.connect_args


@pytest.fixture
def connect(server: TempServer) -> Iterator[Connector]:
    """Opens connections that are closed after the test."""
    from tests.support.server import Connector

    connector = Connector(server)
    yield connector
    connector.close_all()
