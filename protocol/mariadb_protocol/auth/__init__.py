"""Authentication: the table of plugins, and the loop that a login and COM_CHANGE_USER share.

A plugin is one file with one generator: it is started with the login and the server's challenge, yields what to send,
and is resumed with what the server answers. Where an account has several plugins (multi-auth) the server goes through
them; one that we lack or may not use gets an empty answer, and the next one comes.

Plugins of the server that ask the client for nothing, such as unix_socket, do not show here.
Source: MariaDB documentation, page "Connection".
"""

from __future__ import annotations

from contextlib import suppress

from ..constants import SCRAMBLE_LENGTH, Capability, Header
from ..errors import LimitExceeded, RemoteProtocolError, SecurityError
from ..messages import ErrPacket, OkPacket, decode_auth_switch, decode_err, decode_ok
from ..security import Proof
from .caching_sha2_password import caching_sha2_password
from .clear_password import clear_password
from .client_ed25519 import client_ed25519
from .dialog import dialog
from .gssapi import gssapi
from .native_password import native_password
from .old_password import old_password
from .parsec import parsec
from .plugin import SAFE_CHANNELS, Attempt, Plugin
from .proof import check_proof
from .sha256_password import sha256_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..events import Command
    from ..session import Session
    from .plugin import Exchange

DEFAULT_PLUGIN = "mysql_native_password"
OLD_PLUGIN = "mysql_old_password"
# Named in a login that has no answer yet. No account has it, so the server switches; by the right name it would take
# the empty answer for an empty password.
NO_PLUGIN = "none"

PLUGINS: dict[str, Plugin] = {
    DEFAULT_PLUGIN: Plugin(native_password, greets=True, proves=True),
    "client_ed25519": Plugin(client_ed25519, proves=True),
    "parsec": Plugin(parsec, proves=True),
    "caching_sha2_password": Plugin(caching_sha2_password, greets=True),
    "sha256_password": Plugin(sha256_password, greets=True),
    "auth_gssapi_client": Plugin(gssapi, needs="gssapi"),
    "dialog": Plugin(dialog, bare=True),
    "mysql_clear_password": Plugin(clear_password, bare=True, asked_for=True),
    OLD_PLUGIN: Plugin(old_password, asked_for=True),
}


def first_answer(attempt: Attempt, plugin: str, longest: int | None = None) -> tuple[str, bytes, Exchange | None]:
    """The plugin to name in the login, its answer to the greeting's challenge, and the exchange in progress.

    Where the plugin of the greeting cannot answer at once none is named, and the server switches to the one that the
    account needs.

    Args:
        attempt: the login.
        plugin: the plugin of the greeting; "" from a server that has no plugins.
        longest: bytes that the answer may have; None: any.
    """
    plugin = plugin or DEFAULT_PLUGIN
    found = PLUGINS.get(plugin)
    if found is not None and found.greets and refusal(attempt, plugin) is None:
        exchange = found.exchange(attempt, attempt.scramble)
        with suppress(SecurityError):  # the account may have another plugin; if not, this comes up again
            answer = next(exchange) or b""
            if longest is None or len(answer) <= longest:
                return plugin, answer, exchange
    return NO_PLUGIN, b"", None


def refusal(attempt: Attempt, name: str) -> str | None:
    """Why a plugin is not used; None if it is."""
    plugin = PLUGINS.get(name)
    if plugin is None:
        return "this client does not have it"
    allowed = attempt.security.plugins
    if plugin.asked_for if allowed is None else name not in allowed:
        return "it is not among the auth_plugins"
    if plugin.needs and getattr(attempt.security, plugin.needs) is None:
        return f"it needs auth_{plugin.needs}=..."
    if plugin.bare and not attempt.channel.confidential:
        return f"the password would travel as it is, which is done only {SAFE_CHANNELS}"
    if attempt.channel.unproven and attempt.security.proof == Proof.REQUIRED:
        if not plugin.proves:
            return "the certificate is not verified, and the server cannot prove by this plugin who it is"
        if not attempt.password:
            return "the certificate is not verified, and without a password the server cannot prove who it is"
    return None


def authenticate(
    session: Session, attempt: Attempt, exchange: Exchange | None, packets: bytes
) -> Command[OkPacket | ErrPacket]:
    """Send the login and follow the server through its plugins until OK or ERR.

    Args:
        session: the session.
        attempt: the login.
        exchange: the plugin that the login began with.
        packets: complete packets to send first.

    Raises:
        SecurityError: what the user demands does not hold.
    """
    stream = session.stream
    limits = session.limits
    answer: bytes | None = packets
    current = exchange
    for _ in range(limits.auth_rounds):
        if answer is not None:
            if stream.unread():
                raise RemoteProtocolError(f"{stream.unread()} bytes of an answer arrived before the question")
            stream.feed((yield answer))
        payload = yield from stream.read()
        header = payload[0] if payload else -1
        if header == Header.OK:
            return _accepted(session, attempt, decode_ok(payload, session.negotiated(Capability.SESSION_TRACK)))
        if header == Header.ERR:
            return decode_err(payload)
        if header == Header.EOF:
            current, reply = _switch(session, attempt, payload)
        else:
            # Only data that begins like one of these headers, or of a MySQL, has a mark before it.
            data = payload[1:] if header == Header.MORE_DATA else payload
            reply = _resume(current, data) if attempt.refused is None else b""
        answer = None if reply is None else stream.packets(reply)
    raise LimitExceeded("auth_rounds", limits.auth_rounds, limits.auth_rounds + 1)


def _accepted(session: Session, attempt: Attempt, ok: OkPacket) -> OkPacket:
    if attempt.refused is not None:
        raise SecurityError(f"the server accepts the login, though {attempt.refused}")
    check_proof(attempt, ok)
    session.note(ok)
    return ok


def _switch(session: Session, attempt: Attempt, payload: bytes) -> tuple[Exchange | None, bytes | None]:
    """Begin with another plugin."""
    switch = decode_auth_switch(payload)
    attempt.hash = None
    reason = refusal(attempt, switch.plugin)
    if reason is not None:
        attempt.refused = f"{switch.plugin} was not used: {reason}"
        session.refusals.append(attempt.refused)
        return None, b""
    attempt.refused = None
    session.plugin = switch.plugin
    challenge = switch.data
    if switch.plugin == OLD_PLUGIN and not challenge and session.greeting is not None:
        challenge = session.greeting.scramble[:SCRAMBLE_LENGTH]
    exchange = PLUGINS[switch.plugin].exchange(attempt, challenge)
    return exchange, next(exchange)


def _resume(exchange: Exchange | None, data: bytes) -> bytes | None:
    if exchange is not None:
        try:
            return exchange.send(data)
        except StopIteration:
            pass
    raise RemoteProtocolError(f"{len(data)} bytes of authentication data that the plugin does not expect")
