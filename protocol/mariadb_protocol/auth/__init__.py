"""Authentication: the table of plugins, and the loop that a login and COM_CHANGE_USER share.

A plugin is one file with one generator: it is started with the password and the server's challenge, yields what to
send, and is resumed with what the server answers. Source: MariaDB documentation, page "Connection".
"""

from __future__ import annotations

from ..constants import Capability, Header
from ..errors import LimitExceeded, RemoteProtocolError
from ..messages import ErrPacket, OkPacket, decode_auth_switch, decode_err, decode_ok
from .native_password import native_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ..events import Command
    from ..session import Session

    Exchange = Generator[bytes, bytes, None]


class Plugin:
    """An authentication plugin.

    Attributes:
        exchange: generator function (password, challenge) -> what to send; resumed with the server's extra data.
    """

    __slots__ = ("exchange",)

    def __init__(self, exchange: Callable[[bytes, bytes], Exchange]) -> None:
        self.exchange = exchange


DEFAULT_PLUGIN = "mysql_native_password"

PLUGINS: dict[str, Plugin] = {
    DEFAULT_PLUGIN: Plugin(native_password),
}


def first_answer(plugin: str, password: bytes, challenge: bytes) -> tuple[str, bytes, Exchange]:
    """The plugin to name in the login, its answer to the greeting's challenge, and the exchange in progress.

    For a plugin that we lack the default one is named; the server then switches to the one that the account needs.
    """
    name = plugin if plugin in PLUGINS else DEFAULT_PLUGIN
    exchange = PLUGINS[name].exchange(password, challenge)
    return name, next(exchange), exchange


def authenticate(session: Session, password: bytes, exchange: Exchange, answer: bytes) -> Command[OkPacket | ErrPacket]:
    """Send `answer` and follow the server through its plugins until OK or ERR.

    Args:
        session: the session.
        password: the password, as bytes.
        exchange: the plugin that the login began with.
        answer: complete packets to send first.
    """
    stream = session.stream
    limits = session.limits
    current: Exchange | None = exchange
    for _ in range(limits.auth_rounds):
        stream.feed((yield answer))
        payload = yield from stream.read()
        header = payload[0] if payload else -1
        if header == Header.OK:
            ok = decode_ok(payload, session.negotiated(Capability.SESSION_TRACK))
            session.note(ok)
            return ok
        if header == Header.ERR:
            return decode_err(payload)
        if header == Header.EOF:
            current, reply = _switch(session, password, payload)
        elif header == Header.MORE_DATA:
            reply = _resume(current, payload)
        else:
            raise RemoteProtocolError(f"unexpected authentication packet of {len(payload)} bytes: {payload[:1]!r}")
        answer = stream.packets(reply)
    raise LimitExceeded("auth_rounds", limits.auth_rounds, limits.auth_rounds + 1)


def _switch(session: Session, password: bytes, payload: bytes) -> tuple[Exchange | None, bytes]:
    """Begin with another plugin. One that we lack gets an empty answer: the account may have others (multi-auth)."""
    switch = decode_auth_switch(payload)
    plugin = PLUGINS.get(switch.plugin)
    if plugin is None:
        session.unknown_plugins.append(switch.plugin)
        return None, b""
    exchange = plugin.exchange(password, switch.data)
    return exchange, next(exchange)


def _resume(exchange: Exchange | None, payload: bytes) -> bytes:
    if exchange is not None:
        try:
            return exchange.send(payload[1:])
        except StopIteration:
            pass
    raise RemoteProtocolError(f"{len(payload) - 1} bytes of authentication data that the plugin does not expect")
