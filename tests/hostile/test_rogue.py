"""Every hostile case against every face: it ends in the error that it must end in, and gives nothing away."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

import mariadb_py
from tests.hostile.cases import CASES
from tests.hostile.client import Client
from tests.hostile.table import PASSWORD
from tests.support.rogue import Expect, Send, rogue
from tests.support.scripts import ok

if TYPE_CHECKING:
    from typing import Any

    from tests.hostile.client import Client
    from tests.hostile.table import Case

pytestmark = pytest.mark.usefixtures("hard_limit", "leaves_nothing")

PATIENCE = 2.0  # seconds that a case may take
TLS_REQUEST = 36  # bytes of the only packet that may come before TLS
TLS_RECORD = b"\x16\3"  # what comes then, should the script not take it for TLS
AFTERWARDS = (Expect(b"\x03DO 0"), Send(ok()))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_hostile(case: Case, request: pytest.FixtureRequest) -> None:
    certificates = None if case.tls is None else request.getfixturevalue("certificates")
    scripts = [case.script, *case.further]
    if case.ready:
        scripts[-1] = [*scripts[-1], *AFTERWARDS]
    with rogue(*scripts, certificates=certificates) as server:
        client = Client(server)
        keywords = {"password": PASSWORD, **server.connect_args, **case.options}
        if case.tls is not None:
            keywords.update(case.tls(certificates))
        try:
            since = time.monotonic()
            _play(case, client, keywords)
            assert time.monotonic() - since < PATIENCE
            _check_afterwards(case, client)
        finally:
            client.close()
        visits = server.visits
    # Behind stop(): the threads have heard all that there was to hear.
    assert case.cut or not any(visit.cut for visit in visits), f"cut after {visits[-1].reached} steps"
    assert len(visits) == len(scripts)
    _check_heard(case, b"".join(visit.heard for visit in visits))
    if case.tls is not None:
        assert all(visit.plain[TLS_REQUEST:][:2] in (b"", TLS_RECORD) for visit in visits)
        assert not case.sealed or not any(visit.tls for visit in visits)


def _play(case: Case, client: Client, keywords: dict[str, Any]) -> None:
    calls = [partial(client.connect, case.pool, **keywords), *(partial(client.call, call) for call in case.client)]
    for call in calls[:-1]:
        call()
    if case.raises is None:
        answer = calls[-1]()
        assert case.answer is None or answer == case.answer
        return
    with pytest.raises(case.raises) as caught:
        calls[-1]()
    assert re.search(case.match, str(caught.value)), f"{caught.value!r} does not match {case.match}"
    assert case.errno in (0, caught.value.errno)


def _check_afterwards(case: Case, client: Client) -> None:
    if case.ready:
        client.run("DO 0")
    elif not client.closed:
        for _ in range(2):
            with pytest.raises(mariadb_py.LostConnectionError, match="Server has gone away"):
                client.run("DO 0")


def _check_heard(case: Case, heard: bytes) -> None:
    for secret in case.unheard:
        assert secret not in heard
    for expected in case.heard:
        assert expected in heard
    if case.silent:
        assert heard == b""


def test_names_tell_the_cases_apart() -> None:
    assert len(CASES) >= 60
    assert all(name == case.name for name, case in CASES.items())
