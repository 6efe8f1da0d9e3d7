from __future__ import annotations

import pytest

from mariadb_protocol.auth.clear_password import clear_password
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import SECRET, attempt, log_in
from tests.support.scripts import ok, replay_all_ways, switch

ASKS = switch(b"mysql_clear_password", b"")


@pytest.mark.parametrize("challenge", [b"", b"does not matter"])
@pytest.mark.parametrize(("password", "answer"), [(b"", b"\0"), (SECRET, b"s3cret\0")])
def test_the_password_as_it_is(password: bytes, answer: bytes, challenge: bytes) -> None:
    assert list(clear_password(attempt(password), challenge)) == [answer]


@pytest.mark.parametrize("way", ["unix socket", "TLS by chain", "TLS by fingerprint"])
def test_where_it_is_asked_for_and_nobody_can_read_it(way: str) -> None:
    plugins = frozenset({"mysql_native_password", "mysql_clear_password"})
    session = {"plugin": "mysql_clear_password", "refusals": []}
    script = log_in("clear", ASKS, b"s3cret\0", ok(), way=way, plugins=plugins, session=session)
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
    assert flip_everywhere(script) == 8 * len(script.reply)
