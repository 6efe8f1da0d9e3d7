from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mariadb_protocol import SecurityError
from mariadb_protocol.auth.gssapi import gssapi
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import NATIVE, attempt, log_in, native
from tests.support.scripts import Script, ok, replay_all_ways, switch

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = "auth_gssapi_client"
NAME = b"mariadb/db.example.org@EXAMPLE.ORG"
SESSION = {"plugin": PLUGIN, "refusals": []}


def tokens(*made: bytes | None) -> Callable[[str, str], Callable[[bytes | None], bytes | None]]:
    """Makes these tokens, each but the first of which shows the server's token."""

    def begin(name: str, mechanism: str) -> Callable[[bytes | None], bytes | None]:
        left = list(made)

        def step(token: bytes | None) -> bytes | None:
            own = left.pop(0)
            return own if own is None or token is None else own + b"<" + token + b">"

        return step

    return begin


ASKS = switch(b"auth_gssapi_client", NAME + b"\0Kerberos\0")


def talk(name: str, *said: Any, gssapi: Any, **more: Any) -> Script:
    return log_in(name, ASKS, *said, gssapi=gssapi, **{"session": SESSION, **more})


TALKS = [
    talk("one token", b"one", ok(), gssapi=tokens(b"one")),
    talk("two tokens", b"one", b"two", b"2<two>", ok(), gssapi=tokens(b"one", b"2")),
    talk("two tokens with marks", b"one", b"\1\xfetwo", b"2<\xfetwo>", ok(), gssapi=tokens(b"one", b"2")),
    talk("the server's token is the last", b"one", [b"two", ok()], gssapi=tokens(b"one", None)),
    talk("the server's two tokens are the last", b"one", [b"two", b"x", ok()], gssapi=tokens(b"one", None, None)),
    talk("an empty token", b"", b"", b"2<>", ok(), gssapi=tokens(b"", b"2")),
    log_in("the server begins", [ASKS, b"two", ok()], gssapi=tokens(None, None), session=SESSION),
    talk("a long token", b"x" * 5000, b"y" * 300, b"2<" + b"y" * 300 + b">", ok(), gssapi=tokens(b"x" * 5000, b"2")),
    talk("another plugin behind it", b"one", NATIVE, native(), ok(), gssapi=tokens(b"one"), session={"refusals": []}),
]


@pytest.mark.parametrize("script", TALKS, ids=repr)
def test_talks(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


def test_talks_flipped() -> None:
    endless = (b"x" for _ in range(1 << 20))
    script = talk("flipped", b"x", b"two", b"x", ok(), gssapi=lambda name, mechanism: lambda token: next(endless))
    assert flip_everywhere(script) == 8 * len(script.reply)


@pytest.mark.parametrize(
    ("challenge", "names"),
    [
        (b"", ("", "")),
        (NAME, (NAME.decode(), "")),
        (NAME + b"\0", (NAME.decode(), "")),
        (NAME + b"\0Kerberos", (NAME.decode(), "Kerberos")),
        (NAME + b"\0Kerberos\0", (NAME.decode(), "Kerberos")),
        (NAME + b"\0Kerberos\0more", (NAME.decode(), "Kerberos")),
        (b"\xe4\0\xff", ("\\xe4", "\\xff")),
        (b"\0Negotiate\0", ("", "Negotiate")),
    ],
)
def test_what_the_tokens_are_for(challenge: bytes, names: tuple[str, str]) -> None:
    begun: list[tuple[object, ...]] = []
    given: list[object] = []

    def begin(*arguments: object) -> Callable[[bytes | None], bytes | None]:
        begun.append(arguments)
        return given.append  # type: ignore[return-value]

    exchange = gssapi(attempt(gssapi=begin), challenge)
    assert [next(exchange), exchange.send(b"a"), exchange.send(b"")] == [None, None, None]
    assert begun == [names]
    assert given == [None, b"a", b""]


def test_an_exception_of_the_function() -> None:
    def begin(name: str, mechanism: str) -> Callable[[bytes | None], bytes | None]:
        raise OSError("no ticket")

    with pytest.raises(OSError, match="no ticket"):
        next(gssapi(attempt(gssapi=begin), NAME))


def test_without_a_function() -> None:
    """The loop does not come here: it says no to the plugin."""
    with pytest.raises(SecurityError, match=r"^auth_gssapi_client needs auth_gssapi=\.\.\."):
        next(gssapi(attempt(), NAME))
    session = {"refusals": [f"{PLUGIN} was not used: it needs auth_gssapi=..."]}
    replay_all_ways(talk("no function", b"", b"two", b"", NATIVE, native(), ok(), gssapi=None, session=session))
