from __future__ import annotations

from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_protocol.constants import Capability
from mariadb_protocol.errors import RemoteProtocolError
from mariadb_protocol.handshake import WANTED
from mariadb_protocol.messages import (
    MESSAGE_SIZE,
    ErrPacket,
    Greeting,
    OkPacket,
    decode_auth_switch,
    decode_column,
    decode_eof,
    decode_err,
    decode_greeting,
    decode_ok,
)
from tests.support import scripts
from tests.support.scripts import CHALLENGE, column, end, eof, err, greeting, ok, plain, switch, text, tracked


def greet(payload: bytes) -> Greeting:
    message = decode_greeting(payload)
    assert isinstance(message, Greeting)
    return message


# Greeting


def test_greeting() -> None:
    message = greet(greeting(capabilities=WANTED))
    assert message.version == "10.11.6-MariaDB-0+deb12u1"
    assert message.connection_id == 4711
    assert message.scramble == CHALLENGE
    assert message.capabilities == WANTED
    assert (message.collation, message.status) == (45, 2)
    assert message.plugin == "mysql_native_password"
    assert message.mariadb
    assert "connection_id=4711" in repr(message)


def test_greeting_without_the_replication_prefix() -> None:
    assert greet(greeting(b"11.8.2-MariaDB")).version == "11.8.2-MariaDB"
    assert greet(greeting(b"5.5.5")).version == "5.5.5"


def test_mysql_has_no_extended_capabilities() -> None:
    message = greet(greeting(b"9.1.0", capabilities=WANTED | Capability.MYSQL))
    assert message.capabilities == (WANTED | Capability.MYSQL) & 0xFFFFFFFF
    assert not message.mariadb


def test_mariadb_of_old_sets_the_mysql_bit() -> None:
    message = greet(greeting(b"10.1.48-MariaDB", capabilities=WANTED | Capability.MYSQL))
    assert message.mariadb
    assert message.capabilities >> 32 == 0


@pytest.mark.parametrize(("length", "size"), [(0, 20), (9, 20), (21, 20), (22, 21), (41, 40)])
def test_greeting_challenge_lengths(length: int, size: int) -> None:
    challenge = bytes(range(1, size + 1))
    assert greet(greeting(auth_length=length, challenge=challenge)).scramble == challenge


def test_greeting_without_secure_connection_and_plugin() -> None:
    flags = Capability.PROTOCOL_41
    payload = greeting(capabilities=flags, plugin=None, challenge=CHALLENGE[:8])[:-1]
    message = greet(payload)
    assert (message.scramble, message.plugin) == (CHALLENGE[:8], "")


def test_greeting_that_is_an_error() -> None:
    message = decode_greeting(err(1040, b"Too many connections", None))
    assert plain(message) == ("err", 1040, "", "Too many connections")


@pytest.mark.parametrize(
    ("version", "info", "number"),
    [
        (b"5.5.5-10.11.6-MariaDB-0+deb12u1", (10, 11, 6), 101106),
        (b"11.8.2-MariaDB", (11, 8, 2), 110802),
        (b"8.0.36", (8, 0, 36), 80036),
        (b"10.6.12.1-x", (10, 6, 12), 100612),
        (b"10.6", (0, 0, 0), 0),
        (b"10.x.6", (0, 0, 0), 0),
        (b"10.6.1234", (0, 0, 0), 0),
        (b"", (0, 0, 0), 0),
        (b"\xff.\xff.\xff", (0, 0, 0), 0),
    ],
)
def test_version_numbers(version: bytes, info: tuple[int, int, int], number: int) -> None:
    message = greet(greeting(version))
    assert (message.version_info, message.version_number) == (info, number)


def test_greeting_of_another_protocol_version() -> None:
    with pytest.raises(RemoteProtocolError, match="protocol version 9, this client 10"):
        decode_greeting(greeting(protocol_version=9))


def test_greeting_with_text_that_is_not_ascii() -> None:
    message = greet(greeting(b"10.11\xff", plugin=b"pl\xe4gin"))
    assert (message.version, message.plugin) == ("10.11\\xff", "pl\\xe4gin")


# OK and EOF


def test_ok_short_form() -> None:
    assert plain(decode_ok(ok(status=0x4002, warnings=0x102), True)) == ("ok", 0, 0, 0x4002, 0x102, b"")


@pytest.mark.parametrize("number", [1, 0xFA, 0xFB, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000, (1 << 64) - 1])
def test_ok_numbers(number: int) -> None:
    assert plain(decode_ok(ok(number, number), True))[1:3] == (number, number)
    assert plain(decode_ok(ok(0, number), False))[1:3] == (0, number)
    assert plain(decode_ok(ok(number, 0), False))[1:3] == (number, 0)


def test_ok_info() -> None:
    assert decode_ok(ok(3, tail=text(b"Rows matched: 3")), True).info == b"Rows matched: 3"
    assert decode_ok(ok(3, tail=b"Rows matched: 3"), False).info == b"Rows matched: 3"
    assert decode_ok(ok(0, tail=b""), False).info == b""


def test_ok_track() -> None:
    found = decode_ok(ok(status=0x4000, tail=tracked((1, text(b"test")))), True)
    assert (found.info, found.track) == (b"", b"\x01\x05\x04test")
    assert decode_ok(ok(status=0x4000, tail=text(b"")), True).track == b""


def test_ok_as_the_end_of_rows() -> None:
    assert plain(decode_ok(end(0x22, 3), True)) == ("ok", 0, 0, 0x22, 3, b"")


@pytest.mark.parametrize(
    ("payload", "track"),
    [
        (b"\0", True),
        (b"\0\0\0\x02", True),
        (b"\0\0\0\x02\0\0", False),
        (b"\0\xfb\0\x02\0\0\0", True),
        (b"\0\0\xff\x02\0\0\0", False),
        (ok(tail=b"\x05abc"), True),
        (ok(tail=text(b"info") + b"x"), True),
        (ok(status=0x4000, tail=tracked() + b"x"), True),
        (ok(status=0x4000, tail=text(b"") + b"\x09a"), True),
    ],
)
def test_ok_malformed(payload: bytes, track: bool) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed OK packet"):
        decode_ok(payload, track)


def test_eof() -> None:
    assert plain(decode_eof(eof(0x22, 3))) == ("ok", 0, 0, 0x22, 3, b"")


@pytest.mark.parametrize("payload", [b"\xfe", b"\xfe\0\0\x02", eof() + b"\0"])
def test_eof_malformed(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed EOF packet"):
        decode_eof(payload)


# ERR


@pytest.mark.parametrize(
    ("payload", "errno", "sqlstate", "message"),
    [
        (err(1064, b"You have", b"42000"), 1064, "42000", "You have"),
        (err(1040, b"Too many connections", None), 1040, "", "Too many connections"),
        (err(1, b"", b"HY000"), 1, "HY000", ""),
        (err(0, b"", None), 0, "", ""),
        (err(2, b"#abc", None), 2, "", "#abc"),
        (err(3, "ä€".encode()), 3, "42000", "ä€"),
        (err(4, b"\xff", b"\xe4\xe4\xe4\xe4\xe4"), 4, "\\xe4" * 5, "\\xff"),
    ],
)
def test_err(payload: bytes, errno: int, sqlstate: str, message: str) -> None:
    assert plain(decode_err(payload)) == ("err", errno, sqlstate, message)


@pytest.mark.parametrize("more", [0, 1, 1 << 20])
def test_a_long_error_message_is_cut(more: int) -> None:
    message = decode_err(err(1064, b"m" * (MESSAGE_SIZE + more))).message
    assert message == "m" * MESSAGE_SIZE + "..." * (more > 0)


def test_err_malformed() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed ERR packet of 2 bytes"):
        decode_err(b"\xff\x01")


def test_progress_report_that_nobody_asked_for() -> None:
    with pytest.raises(RemoteProtocolError, match="progress report"):
        decode_err(b"\xff\xff\xff\x01\x01\x02\xc4\x09\0\x00")


# Authentication switch


def test_auth_switch() -> None:
    found = decode_auth_switch(switch(b"client_ed25519", b"nonce\0"))
    assert (found.plugin, found.data) == ("client_ed25519", b"nonce\0")
    assert decode_auth_switch(switch(b"dialog", b"")).data == b""


def test_auth_switch_of_one_byte_is_the_old_password() -> None:
    found = decode_auth_switch(b"\xfe")
    assert repr(found) == "AuthSwitch(data=b'', plugin='mysql_old_password')"


def test_auth_switch_malformed() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed AuthSwitchRequest of 4 bytes: has no NUL"):
        decode_auth_switch(b"\xfeabc")


# Column definition


def test_column() -> None:
    found = decode_column(column(b"amount", 246, 63, 0x8081, 31), True)
    assert (found.catalog, found.schema, found.table, found.org_table) == ("def", "test", "t", "org_t")
    assert (found.name, found.org_name) == ("amount", "org_amount")
    assert (found.charset, found.length, found.type, found.flags, found.decimals) == (63, 1020, 246, 0x8081, 31)
    assert (found.type_name, found.format) == ("", "")


def test_column_without_extended_metadata() -> None:
    assert decode_column(column(extended=None), False).name == "c"


def test_column_extended_metadata() -> None:
    block = b"\x00" + text(b"uuid") + b"\x01" + text(b"json") + b"\x07" + text(b"later")
    found = decode_column(column(extended=block), True)
    assert (found.type_name, found.format) == ("uuid", "json")


@pytest.mark.parametrize(
    ("payload", "extended", "fact"),
    [
        (b"", True, "malformed column definition of 0 bytes"),
        (column() + b"x", True, "has 1 bytes after its last field"),
        (column()[:-1], True, "wants 12 bytes at offset"),
        (column(extended=None), True, "malformed"),
        (column(extended=b"\x00\x09ab"), True, "malformed extended column metadata of 4 bytes: wants 9 bytes"),
        (column(extended=b"\x00"), True, "malformed extended column metadata of 1 bytes"),
        (column(extended=None)[:-13] + b"\x0d" + bytes(13), False, "announces 13 bytes of fixed fields"),
        (column(extended=None)[:-13] + b"\x0b" + bytes(11), False, "announces 11 bytes of fixed fields"),
    ],
)
def test_column_malformed(payload: bytes, extended: bool, fact: str) -> None:
    with pytest.raises(RemoteProtocolError, match=fact):
        decode_column(payload, extended)


# Any bytes


DECODERS: dict[str, Callable[[bytes], object]] = {
    "greeting": decode_greeting,
    "ok": lambda payload: decode_ok(payload, True),
    "old ok": lambda payload: decode_ok(payload, False),
    "eof": decode_eof,
    "err": decode_err,
    "switch": decode_auth_switch,
    "column": lambda payload: decode_column(payload, True),
    "old column": lambda payload: decode_column(payload, False),
}
SAMPLES = [greeting(), ok(1, 2, 0x4002, 3, tracked((1, text(b"t")))), eof(), err(1, b"a"), switch(b"a", b"b"), column()]


@pytest.mark.parametrize("name", DECODERS)
@given(st.binary(min_size=1, max_size=100))
def test_any_bytes(name: str, payload: bytes) -> None:
    decodes_or_refuses(name, payload)


@pytest.mark.parametrize("name", DECODERS)
def test_every_prefix_and_every_flip_of_every_message(name: str) -> None:
    for sample in SAMPLES:
        for length in range(1, len(sample)):
            decodes_or_refuses(name, sample[:length])
        for position in range(len(sample)):
            for bit in range(8):
                flipped = bytearray(sample)
                flipped[position] ^= 1 << bit
                decodes_or_refuses(name, bytes(flipped))


def decodes_or_refuses(name: str, payload: bytes) -> None:
    try:
        message = DECODERS[name](payload)
    except RemoteProtocolError:
        return
    assert isinstance(message, object)
    assert repr(message)


def test_records_show_their_fields() -> None:
    assert repr(ErrPacket(1, "HY000", "no")) == "ErrPacket(errno=1, message='no', sqlstate='HY000')"
    assert "affected_rows=5" in repr(OkPacket(5))
    assert scripts.OLD & Capability.DEPRECATE_EOF == 0
