"""Every packet of many sessions with a real server is edited: the result is right, or an Error."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import mariadb_py
from mariadb_py.exceptions import CommitOutcomeUnknown, Error, OperationalError
from mariadb_py.testing import temp_server
from tests.hostile.proxy_cases import OPTIONS, SCENARIOS, set_up
from tests.support.listener import PATIENCE
from tests.support.proxy import (
    CLIENT,
    SERVER,
    MiddleMan,
    Rule,
    answer,
    close,
    delay,
    distort,
    dribble,
    drop,
    duplicate,
    duplicate_late,
    half_close,
    hide_tls,
    lengthen,
    proxied,
    renumber,
    reset,
    shorten,
    stop_reading,
    stuff,
    swallow,
    swap,
    truncate,
    trusting,
)
from tests.support.running import ask, works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from mariadb_py import Connection
    from mariadb_py.testing import TempServer
    from tests.hostile.proxy_cases import Scenario
    from tests.support.certificates import Certificates
    from tests.support.proxy import Edit, Proxy

    Attempt = Callable[["Bench", Scenario, "Interference", int], "str | None"]

LIMIT = 5.0  # seconds for one run
SHORT = 0.4  # seconds of the timeouts where an edit makes somebody wait
SLOW = 1.0  # seconds of the same for heavy scenarios
THREADS = 32
SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}
NOT_REACHED = "was not reached"
LOGIN = {SERVER: 2, CLIENT: 1}  # packets until somebody is logged in
_RUNS = itertools.count(1)
OK = b"\x07\0\0\2\0\0\0\2\0\0\0"


class Interference(NamedTuple):
    """Something that the proxy does with packets.

    Args:
        name: unique, together with `sender`.
        sender: whose packets.
        edit: what is done.
        outcome: "right": the result must be what it is without; "error": an Error must be raised; "either"; "asked":
            the server gets another question, so its answer can be anything.
        heavy: it is tried with heavy scenarios, too.
    """

    name: str
    sender: str
    edit: Edit
    outcome: str
    heavy: bool = False

    @property
    def lies(self) -> bool:
        """It can make an ERR of an OK, or another question."""
        return self.outcome == "asked" or self.name == "distort"


EDITS = (
    Interference("delay", SERVER, delay, "right"),
    Interference("delay", CLIENT, delay, "right"),
    Interference("dribble", SERVER, dribble, "right"),
    Interference("dribble", CLIENT, dribble, "right"),
    Interference("drop", SERVER, drop, "error", heavy=True),
    Interference("drop", CLIENT, drop, "either", heavy=True),
    Interference("duplicate", SERVER, duplicate, "either"),
    Interference("duplicate", CLIENT, duplicate, "asked"),
    Interference("swap", SERVER, swap, "either"),
    Interference("swap", CLIENT, swap, "either"),
    Interference("shorten", SERVER, shorten, "either"),
    Interference("lengthen", SERVER, lengthen, "error"),
    Interference("lengthen", CLIENT, lengthen, "either"),
    Interference("renumber", SERVER, renumber, "error", heavy=True),
    Interference("renumber", CLIENT, renumber, "either", heavy=True),
    Interference("distort", SERVER, distort, "error"),
    Interference("distort", CLIENT, distort, "asked"),
    Interference("truncate", SERVER, truncate, "error", heavy=True),
    Interference("truncate", CLIENT, truncate, "either", heavy=True),
    Interference("swallow", SERVER, swallow, "error"),
    Interference("swallow", CLIENT, swallow, "either"),
    Interference("stop reading", SERVER, stop_reading, "error"),
    Interference("stop reading", CLIENT, stop_reading, "either"),
    Interference("half close", SERVER, half_close, "either"),
    Interference("half close", CLIENT, half_close, "either"),
    Interference("close", SERVER, close, "either"),
    Interference("close", CLIENT, close, "either"),
    Interference("reset", SERVER, reset, "error"),
    Interference("reset", CLIENT, reset, "either"),
)


class Bench(NamedTuple):
    """A server, and how it is reached: through a man in the middle who has a good certificate, or otherwise."""

    server: TempServer
    middle: MiddleMan | None = None
    keywords: Mapping[str, Any] = MappingProxyType({})
    folder: Path | None = None  # for unix sockets

    def proxied(self, rule: Rule | None = None) -> AbstractContextManager[Proxy]:
        path = None if self.folder is None else str(self.folder / str(next(_RUNS)))
        return proxied(self.server, rule, path=path, middle=self.middle)


@pytest.fixture(scope="module")
def bench(certificates: Certificates) -> Iterator[Bench]:
    files = (f"--ssl-cert={certificates.chain('good')}", f"--ssl-key={certificates.chain('good')}")
    with temp_server(options=(*OPTIONS, *files, f"--ssl-ca={certificates.ca}"), root="") as server:
        set_up(server)
        yield Bench(server)


def test_names_are_unique() -> None:
    assert len(SCENARIO) == len(SCENARIOS)
    assert len({(edit.name, edit.sender) for edit in EDITS}) == len(EDITS)


def perform(scenario: Scenario, keywords: dict[str, Any], run: int) -> Any:
    """The result of a scenario, whose connection is closed."""
    if scenario.alone:
        return scenario.perform(keywords, run)
    connection = mariadb_py.connect(**keywords)
    try:
        return scenario.perform(connection, run)
    finally:
        with suppress(Error):
            connection.close()


def count(bench: Bench, scenario: Scenario) -> dict[str, range]:
    """The packets of a session that are to be edited, by sender. The client's last one is its goodbye."""
    with bench.proxied() as proxy:
        keywords = {**proxy.connect_args, **bench.keywords, **scenario.keywords}
        assert perform(scenario, keywords, next(_RUNS)) == scenario.result
        proxy.wait()
        first = {SERVER: 0, CLIENT: 0} if scenario.login else LOGIN
        return {sender: range(first[sender], proxy.counts[sender] - (sender == CLIENT)) for sender in first}


def attempt(bench: Bench, scenario: Scenario, edit: Interference, number: int) -> str | None:
    """Edit one packet; returns what is wrong."""
    patience = SLOW if scenario.heavy else SHORT
    for timeout in (LIMIT, LIMIT) if edit.outcome == "right" else (patience, 4 * patience):
        wrong = edited(bench, scenario, edit, number, timeout)
        if wrong is None or not wrong.startswith(
            NOT_REACHED
        ):  # else this machine is busy, and something else was too late
            break
    return wrong


def edited(bench: Bench, scenario: Scenario, edit: Interference, number: int, timeout: float) -> str | None:
    run = next(_RUNS)
    timeouts = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), timeout)
    begin, reason = time.monotonic(), ""
    with bench.proxied(Rule(edit.sender, number, edit.edit)) as proxy:
        keywords = {**proxy.connect_args, **timeouts, **bench.keywords, **scenario.keywords}
        try:
            result = perform(scenario, keywords, run)
            outcome = "right" if result == scenario.result else f"{result!r}"
        except Error as error:
            outcome, reason = "error", f" ({error!r})"
        except Exception as error:
            outcome = f"raised {error!r}"
        seconds = time.monotonic() - begin
    with mariadb_py.connect(**bench.server.connect_args) as fresh:
        if not works(fresh):
            return "the next connection does not work"
        if (
            outcome == "right"
            and edit.outcome != "asked"
            and scenario.check is not None
            and not scenario.check(fresh, run)
        ):
            return "not done"
    if seconds > LIMIT:
        return f"{outcome} after {seconds} s"
    if not proxy.edited:
        return NOT_REACHED + reason
    if edit.outcome == "asked" and not outcome.startswith("raised"):
        return None
    allowed = ("right", "error") if edit.outcome == "either" or scenario.recovers else (edit.outcome,)
    return None if outcome in allowed else outcome


def edit_everything(bench: Bench, scenario: Scenario, attempt: Attempt = attempt, lies: bool = True) -> dict[Any, Any]:
    """Try every edit, or only those that tell no lies, with every packet; returns what is wrong."""
    packets = count(bench, scenario)
    edits = [edit for edit in EDITS if (edit.heavy or not scenario.heavy) and (lies or not edit.lies)]
    with ThreadPoolExecutor(6 if scenario.heavy else THREADS) as executor:
        runs = {
            (edit.name, edit.sender, number): executor.submit(attempt, bench, scenario, edit, number)
            for edit in edits
            for number in packets[edit.sender]
        }
        wrong = {key: run.result() for key, run in runs.items()}
    assert wrong
    return {key: what for key, what in wrong.items() if what is not None}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_every_packet(bench: Bench, scenario: Scenario) -> None:
    assert edit_everything(bench, scenario) == {}


@pytest.mark.parametrize("name", ["login", "select", "commit"])
def test_every_packet_through_a_unix_socket(bench: Bench, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # a path that is short enough
        assert edit_everything(bench._replace(folder=Path(folder)), SCENARIO[name]) == {}


def test_an_answer_that_nobody_asked_for(bench: Bench) -> None:
    """It has arrived when the next command is sent, and is not the answer to that."""
    rule = Rule(SERVER, 3, duplicate_late)
    with bench.proxied(rule) as proxy, mariadb_py.connect(**proxy.connect_args) as connection:
        ask(connection, "DO 0")
        time.sleep(SHORT)
        with pytest.raises(Error):
            ask(connection, "DROP TABLE IF EXISTS none")


# COMMIT


def commit(bench: Bench, scenario: Scenario, edit: Interference, number: int) -> str | None:
    """Edit one packet of a transaction; returns what is wrong with what commit() said."""
    run, said, connection_id = next(_RUNS), "not committed", 0
    with bench.proxied(Rule(edit.sender, number, edit.edit)) as proxy:
        try:
            with mariadb_py.connect(**{**proxy.connect_args, "read_timeout": SHORT}) as connection:
                connection_id = connection.connection_id
                scenario.perform(connection, run)
                said = "committed"
        except CommitOutcomeUnknown:
            return None
        except Error:
            pass
    with mariadb_py.connect(**bench.server.connect_args) as fresh:
        wait_until_gone(fresh, connection_id)
        assert scenario.check is not None
        done = "committed" if scenario.check(fresh, run) else "not committed"
    return None if said == done else f"said {said}, was {done}"


def wait_until_gone(observer: Connection, connection_id: int) -> None:
    """Until the server has come to its end with a connection."""
    sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?"
    deadline = time.monotonic() + PATIENCE
    while ask(observer, sql, (connection_id,)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("name", ["commit", "two phases"])
def test_commit_never_guesses(bench: Bench, name: str) -> None:
    assert edit_everything(bench, SCENARIO[name], commit, lies=False) == {}


# TLS


@pytest.fixture
def over_tls(bench: Bench, certificates: Certificates) -> Bench:
    middle = MiddleMan(certificates.context("good"), trusting())
    return bench._replace(middle=middle, keywords={"ssl_ca": certificates.ca, "ssl_verify_cert": True})


@pytest.mark.parametrize("name", ["login", "select", "load"])
def test_every_packet_inside_of_tls(over_tls: Bench, name: str) -> None:
    assert edit_everything(over_tls, SCENARIO[name]) == {}


def requests_tls(payload: bytes) -> bool:
    """It is the short login that asks for TLS, without a name in it."""
    return len(payload) == 32 and payload[1] & 8 > 0 and payload[9:28] == bytes(19)


BEFORE_TLS = {
    "the server hides TLS": (Rule(SERVER, 0, hide_tls), 0),
    "OK behind the greeting": (Rule(SERVER, 0, stuff(OK)), 0),
    "half a packet behind the greeting": (Rule(SERVER, 0, stuff(OK[:3])), 0),
    "OK in place of TLS": (Rule(CLIENT, 0, answer(OK)), 1),
    "another greeting": (Rule(SERVER, 0, duplicate), 0),
    "the request for TLS gets lost": (Rule(CLIENT, 0, drop), 1),
    "the server is gone behind the request": (Rule(CLIENT, 0, close), 1),
    "the greeting is cut": (Rule(SERVER, 0, truncate), 0),
}


@pytest.mark.parametrize("name", BEFORE_TLS)
@pytest.mark.parametrize("verify", [True, None, False])
def test_nothing_leaves_before_tls(bench: Bench, certificates: Certificates, name: str, verify: bool | None) -> None:
    rule, requests = BEFORE_TLS[name]
    options = {"ssl": True, "ssl_verify_cert": verify, "connect_timeout": 2 * SHORT}
    with proxied(bench.server, rule) as proxy:
        with pytest.raises(Error):
            mariadb_py.connect(**proxy.connect_args, **options, ssl_ca=certificates.ca)
        proxy.stop()
        assert proxy.edited
        assert [requests_tls(payload) for payload in proxy.plain] == [True] * requests
    with mariadb_py.connect(**bench.server.connect_args) as fresh:
        assert works(fresh)


@pytest.mark.parametrize("certificate", ["other ca", "self-signed", "wrong name", "expired"])
@pytest.mark.parametrize("by", ["ssl_ca", "tls_peer_fp"])
def test_another_certificate(bench: Bench, certificates: Certificates, certificate: str, by: str) -> None:
    expected = {"ssl_ca": certificates.ca, "tls_peer_fp": certificates.fingerprint("good").hex()}
    middle = MiddleMan(certificates.context(certificate), trusting())
    with proxied(bench.server, middle=middle) as proxy:
        with pytest.raises(OperationalError) as caught:
            mariadb_py.connect(**proxy.connect_args, **{by: expected[by]})
        assert caught.value.errno == 2026
        proxy.stop()
        assert [requests_tls(payload) for payload in proxy.plain] == [True]
        assert proxy.encrypted == []


def test_a_man_in_the_middle_sees_all_where_nothing_is_verified(bench: Bench, certificates: Certificates) -> None:
    middle = MiddleMan(certificates.context("other ca"), trusting())
    with proxied(bench.server, middle=middle) as proxy:
        with mariadb_py.connect(**proxy.connect_args, ssl=True, ssl_verify_cert=False) as connection:
            assert works(connection)
        assert [requests_tls(payload) for payload in proxy.plain] == [True]
        assert bench.server.user.encode() in proxy.encrypted[0]
        assert b"\x03SELECT 'it works'" in proxy.encrypted


def test_tls_passes_through(bench: Bench, certificates: Certificates) -> None:
    with proxied(bench.server) as proxy:
        with mariadb_py.connect(**proxy.connect_args, ssl_ca=certificates.ca) as connection:
            assert works(connection)
        assert [requests_tls(payload) for payload in proxy.plain] == [True]
        assert proxy.encrypted == []


# TLS without any set-up: the password vouches for the certificate


@pytest.fixture(scope="module")
def newer() -> Iterator[TempServer]:
    """MariaDB 11.8, which makes a certificate when it starts."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mariadb_py" / "trixie"
    if os.geteuid() or not (root / "usr/sbin/mariadbd").exists():
        pytest.skip("`make servers` has to be run as root, to fetch MariaDB 11.8")
    with temp_server(root=str(root)) as server:
        yield server


@pytest.mark.parametrize("verify", [True, None])
def test_the_password_vouches_for_the_certificate(newer: TempServer, verify: bool | None) -> None:
    with proxied(newer) as proxy:
        with mariadb_py.connect(**proxy.connect_args, ssl=True, ssl_verify_cert=verify) as connection:
            assert works(connection)
        assert proxy.plain
        assert all(requests_tls(payload) for payload in proxy.plain)


@pytest.mark.parametrize("verify", [True, None])
def test_the_password_does_not_vouch_for_another(
    newer: TempServer, certificates: Certificates, verify: bool | None
) -> None:
    """Who is in the middle sees a login, which is of no use to him, and nothing behind it."""
    with proxied(newer, middle=MiddleMan(certificates.context("self-signed"), trusting())) as proxy:
        with pytest.raises(OperationalError) as caught:
            mariadb_py.connect(**proxy.connect_args, ssl=True, ssl_verify_cert=verify)
        assert caught.value.errno == 2026
        proxy.stop()
        assert len(proxy.encrypted) == 1
        assert newer.password.encode() not in proxy.encrypted[0]
