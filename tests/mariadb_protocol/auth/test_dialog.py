from __future__ import annotations

from typing import Any

import pytest

from mariadb_protocol import RemoteProtocolError, SecurityError, State
from mariadb_protocol.auth.dialog import dialog
from tests.support.faults import cut_everywhere, flip_everywhere
from tests.support.script_auth import attempt, log_in
from tests.support.scripts import Script, err, ok, replay_all_ways, switch

# Kinds of question; LAST is the bit that says that no other one comes.
LAST, SHOWN, PASSWORD = 1, 2, 4
NATIVE = "mysql_native_password"


def question(kind: int, text: bytes) -> bytes:
    return bytes((kind,)) + text


def prompt(text: str, visible: bool) -> str:
    """An answer that shows what was asked."""
    return f"<{text}|{visible}>"


def never(text: str, visible: bool) -> str:
    """For who must not be asked."""
    raise AssertionError(text)


def talk(name: str, *said: Any, way: str = "unix socket", **more: Any) -> Script:
    asks, *rest = said
    more.setdefault("session", {"plugin": "dialog", "refusals": []})
    return log_in(name, switch(b"dialog", asks), *rest, way=way, **more)


TALKS = [
    talk("one question", question(PASSWORD | LAST, b"Password: "), b"s3cret\0", ok()),
    talk("a NUL behind the question", question(PASSWORD | LAST, b"Password: \0"), b"s3cret\0", ok()),
    talk("no question", b"", b"s3cret\0", ok()),
    talk(
        "no question, no password, and then a question",
        *(b"", b"\0", question(PASSWORD | LAST, b"Password: "), b"<Password: |False>\0", ok()),
        password=b"",
        response=(NATIVE, b""),
        prompt=prompt,
    ),
    talk("over TLS", question(PASSWORD | LAST, b"Password: "), b"s3cret\0", ok(), way="TLS by fingerprint"),
    talk(
        "denied",
        *(question(PASSWORD, b"Password: "), b"s3cret\0", err(1045, b"Access denied", b"28000")),
        answer=("err", 1045, "28000", "Access denied"),
        state=State.CLOSED,
    ),
    talk("not the last question, and OK", question(PASSWORD, b"Password: "), b"s3cret\0", ok()),
    talk(
        "two questions",
        *(question(PASSWORD, b"Password: "), b"s3cret\0"),
        *(question(SHOWN | LAST, b"Code: \0"), b"<Code: |True>\0", ok()),
        prompt=prompt,
    ),
    talk(
        "two questions with marks",
        *(question(PASSWORD, b"Password: "), b"s3cret\0"),
        *(b"\1" + question(SHOWN | LAST, b"Code: "), b"<Code: |True>\0", ok()),
        prompt=prompt,
    ),
    talk(
        "a name before the password",
        *(question(SHOWN, b"Name: "), b"<Name: |True>\0"),
        *(question(PASSWORD | LAST, b"Password: "), b"s3cret\0", ok()),
        prompt=prompt,
    ),
    talk(
        "two passwords",
        *(question(PASSWORD, b"Password: "), b"s3cret\0"),
        *(question(PASSWORD | LAST, b"Another: "), b"<Another: |False>\0", ok()),
        prompt=prompt,
    ),
    talk(
        "the password is asked for, too, where there is none",
        *(question(PASSWORD | LAST, b"Password: "), b"<Password: |False>\0", ok()),
        password=b"",
        response=(NATIVE, b""),
        prompt=prompt,
    ),
    talk(
        "no password, nobody to ask",
        *(question(PASSWORD | LAST, b"Password: "), b"\0", ok()),
        password=b"",
        response=(NATIVE, b""),
    ),
    talk("a question that is no text", question(SHOWN | LAST, b"\xe4?"), b"<\\xe4?|True>\0", ok(), prompt=prompt),
    talk("another kind of question", question(8 | LAST, b"?"), b"<?|True>\0", ok(), prompt=prompt),
]


@pytest.mark.parametrize("script", TALKS, ids=repr)
def test_talks(script: Script) -> None:
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)


@pytest.mark.parametrize("script", TALKS, ids=repr)
def test_talks_flipped(script: Script) -> None:
    assert flip_everywhere(script) == 8 * len(script.reply)


@pytest.mark.parametrize("password", [b"s3cret", b""])
@pytest.mark.parametrize("asks", [{}, {"prompt": never}], ids=["nobody to ask", "a prompt"])
def test_a_server_that_asks_nothing_waits_for_the_password(asks: dict[str, Any], password: bytes) -> None:
    """Also for an empty one: there is no question that somebody could be asked."""
    exchange = dialog(attempt(password, **asks), b"")
    assert next(exchange) == password + b"\0"


@pytest.mark.parametrize(
    ("answer", "sent"), [("pässwörd€", "pässwörd€".encode() + b"\0"), (b"\xff", b"\xff\0"), ("", b"\0"), (b"", b"\0")]
)
def test_answers(answer: str | bytes, sent: bytes) -> None:
    exchange = dialog(attempt(prompt=lambda text, visible: answer), question(SHOWN | LAST, b"?"))
    assert list(exchange) == [sent]


@pytest.mark.parametrize("answer", [None, 7, bytearray(b"s3cret")])
def test_answers_that_are_none(answer: Any) -> None:
    exchange = dialog(attempt(prompt=lambda text, visible: answer), question(SHOWN, b"?"))
    with pytest.raises(TypeError, match=f"^auth_prompt returned {type(answer).__name__}, not str or bytes$"):
        next(exchange)


def test_an_exception_of_the_prompt() -> None:
    def fails(text: str, visible: bool) -> str:
        raise KeyError(text)

    with pytest.raises(KeyError, match="Code"):
        next(dialog(attempt(prompt=fails), question(SHOWN, b"Code")))


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ([question(SHOWN, b"Code: \0")], "^the server asks 'Code: ', and there is no auth_prompt=... to answer that$"),
        ([question(PASSWORD, b"Password: "), b"s3cret\0", question(PASSWORD, b"Again: ")], "the server asks 'Again: '"),
        # A server that repeats an empty question does not get the password again.
        ([b"", b"s3cret\0", b""], "the server asks ''"),
    ],
    ids=["shown", "a second password", "nothing again"],
)
def test_nobody_answers(said: list[bytes], match: str) -> None:
    replay_all_ways(talk("nobody", *said, raises=SecurityError, match=match))


def test_behind_the_last_question() -> None:
    said = (question(PASSWORD | LAST, b"Password: "), b"s3cret\0", question(SHOWN, b"Code: "))
    match = "7 bytes of authentication data that the plugin does not expect"
    replay_all_ways(talk("behind", *said, raises=RemoteProtocolError, match=match, prompt=prompt))


@pytest.mark.parametrize("way", ["plain", "TLS unverified"])
def test_questions_of_somebody_else(way: str) -> None:
    """An empty packet says no to the plugin, nobody is asked."""
    asks = question(PASSWORD, b"Password: ")
    said = (asks, b"", b"\1" + asks, b"", err(1045, b"Access denied", b"28000"))
    denied = ("err", 1045, "28000", "Access denied")
    script = talk("else", *said, way=way, answer=denied, state=State.CLOSED, prompt=never, session={"plugin": NATIVE})
    replay_all_ways(script)
    assert cut_everywhere(script) == len(script.reply)
