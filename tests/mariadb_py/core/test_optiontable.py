"""The options of connect(): names, aliases, types, ranges, given as keywords and as texts."""

from __future__ import annotations

import ssl

import pytest

from mariadb_protocol.auth import PLUGINS
from mariadb_protocol.constants import Capability, Limits
from mariadb_py.core.options import ConnectOptions
from mariadb_py.core.optiontable import CONNECT_BY_NAME, CONNECT_OPTIONS, MAX_ATTRIBUTES
from mariadb_py.core.security import TLS_NAMES, TLSOptions
from mariadb_py.exceptions import NotSupportedError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = (
    *("autocommit", "read_only", "compress", "local_infile", "reconnect", "binary", "dictionary", "named_tuple"),
    *("native_object", "cache_prep_stmts", "pipeline", "environment", "permit_redirect"),
    *("allow_public_key_retrieval", "ssl_verify_cert"),
)
# Those of them of which it counts that nobody has said anything.
UNDECIDED = ("pipeline", "permit_redirect")
PATHS = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_crl", "ssl_crlpath", "tls_peer_fp_list")
TEXTS = (
    "host",
    "unix_socket",
    "user",
    "database",
    "init_command",
    "default_file",
    "plugin_dir",
    "charset",
    "zero_date",
    *PATHS,
    "ssl_passphrase",
    "ssl_cipher",
    "tls_version",
)
INTEGERS = ("port", "client_flag", "max_allowed_packet", "prep_stmt_cache_size")
TIMES = ("connect_timeout", "read_timeout", "write_timeout", "socket_timeout", "query_timeout", "cancel_grace")
FUNCTIONS = ("status_callback", "auth_prompt", "auth_gssapi")
SHA256 = "0123456789abcdef" * 4

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(ConnectOptions.__slots__),
    **dict.fromkeys(set(FLAGS) - TLS_NAMES, False),
    **dict.fromkeys(UNDECIDED),
    "cache_prep_stmts": True,
    "port": 0,
    "connect_timeout": 10,
    "cancel_grace": 2,
    "client_flag": 0,
    "prep_stmt_cache_size": 100,
    "default_group": (),
}
# What `values()` shows of TLS options that say nothing but that there shall be TLS.
TLS = {**dict.fromkeys(f"tls.{name}" for name in TLSOptions.__slots__), "tls.fingerprints": ()}
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PEM = "-----BEGIN PUBLIC KEY-----\n..."


def tls(name: str, value: object) -> dict[str, object]:
    """What `values()` shows of TLS options with this attribute."""
    return {**TLS, f"tls.{name}": value}


# For each option: a value, the text that means the same, and what both become. A text of None: keyword only. What
# becomes of an option of TLS is written as `values()` shows it.
GIVEN: dict[str, tuple[Any, str | None, Any]] = {
    **dict.fromkeys(FLAGS, (True, "yes", True)),
    "cache_prep_stmts": (0, "off", False),
    **dict.fromkeys(UNDECIDED, (0, "FALSE", False)),
    "autocommit": (1, "1", True),
    "environment": (False, None, False),
    "host": ("a, [::1]:3307", "a, [::1]:3307", "a, [::1]:3307"),
    "port": (3307, "3307", 3307),
    "user": ("u", "u", "u"),
    "password": ("secret", "secret", "secret"),
    "database": ("d", "d", "d"),
    "unix_socket": ("/s", "/s", "/s"),
    "connect_timeout": (2.5, "2.5", 2.5),
    "read_timeout": (3, "3", 3),
    "write_timeout": (0, "0", None),
    "query_timeout": (1.5, "1.5", 1.5),
    "cancel_grace": (0, "0", 0),
    "ssl": (1, "yes", TLS),
    "ssl_ca": ("/ca", "/ca", tls("ca", "/ca")),
    "ssl_capath": ("/cas", "/cas", tls("capath", "/cas")),
    "ssl_cert": ("/cert", "/cert", tls("cert", "/cert")),
    "ssl_key": ("/key", "/key", tls("key", "/key")),
    "ssl_passphrase": ("p", "p", tls("passphrase", "p")),
    "ssl_cipher": ("AES256", "AES256", tls("cipher", "AES256")),
    "ssl_crl": ("/crl", "/crl", tls("crl", "/crl")),
    "ssl_crlpath": ("/crls", "/crls", tls("crlpath", "/crls")),
    "ssl_verify_cert": (1, "on", tls("verify", True)),
    "tls_version": ("TLSv1.3,TLSv1.2", "TLSv1.2..TLSv1.3", tls("version", ("TLSv1.2", "TLSv1.3"))),
    "tls_peer_fp": (
        *([SHA256, SHA256[:56]], f"{SHA256},{SHA256[:56]}"),
        tls("fingerprints", (SHA256.upper(), SHA256[:56].upper())),
    ),
    "tls_peer_fp_list": ("/list", "/list", tls("fingerprint_list", "/list")),
    "auth_plugins": (["parsec", "dialog"], "parsec, dialog", ("parsec", "dialog")),
    "auth_prompt": (print, None, print),
    "auth_gssapi": (print, None, print),
    "server_public_key": (PEM, PEM, PEM),
    "limits": ({"columns": 9}, None, {"columns": 9}),
    "init_command": ("SET @a=1", "SET @a=1", "SET @a=1"),
    "plugin_dir": ("/p", "/p", "/p"),
    "client_flag": (2, "2", 2),
    "max_allowed_packet": (16 << 20, "16M", 16 << 20),
    "prep_stmt_cache_size": (0, "0", 0),
    "zero_date": ("raise", "raise", "raise"),
    "charset": ("UTF8", "UTF8", "utf8mb4"),
    "connect_attrs": ({"program": "p"}, None, {"program": "p"}),
    "converter": ({3: str}, None, {3: str}),
    "status_callback": (print, None, print),
}
# Options whose presence has other effects; tested in test_options.
APART = {"uri", "socket_timeout", "default_file", "default_group"}

WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys((*TEXTS, "uri"), (1, b"x", ["x"], True)),
    **dict.fromkeys(INTEGERS, ("3306", 3306.0, True)),
    **dict.fromkeys(TIMES, ("1", True, 1j)),
    **dict.fromkeys(FLAGS, ("yes", 1.0)),
    **dict.fromkeys(FUNCTIONS, ("f", 1)),
    "ssl": ("yes", 1.0, b"/ca", ["/ca"]),
    **dict.fromkeys(("tls_peer_fp", "auth_plugins"), (1, b"x", [b"x"], {"x": "y"}, True)),
    "server_public_key": (1, bytearray(b"x"), True),
    "limits": (1, {"columns": "1"}, {1: 1}, {"columns": 1.0}),
    "password": (1, bytearray(b"x"), True),
    "default_group": (1, b"x", [b"x"], {"x": "y"}),
    "converter": ([1], {3: "str"}, {"3": str}),
    "connect_attrs": ("a=b", {"a": 1}, {1: "a"}),
}
WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ("host", "user", "database", "unix_socket", "init_command", "default_file", *PATHS), ("a\0b", "\udc80")
    ),
    **dict.fromkeys(("ssl_passphrase", "ssl_cipher", "server_public_key"), ("a\0b", "\udc80")),
    "tls_version": ("", "SSLv3", "TLSv1.4", "1.3", "TLSv1.2,", "TLSv1.2,TLSv1.4"),
    "tls_peer_fp": ("x", "12", SHA256 + "0", f"{SHA256},x", [SHA256, "x"]),
    "auth_plugins": ("", "nothing", "parsec,", ["parsec", "mysql_native"], "Parsec"),
    "limits": ({"columns": 0}, {"columns": -1}, {"columns": 1 << 64}, {"rows": 1}, {"": 1}),
    "password": ("\udc80",),
    "port": (-1, 65536, 10**30),
    **dict.fromkeys(TIMES, (-1, -0.5, float("inf"), float("nan"))),
    "client_flag": (-1, 1 << 64),
    "max_allowed_packet": (0, 1023, (1 << 30) + 1),
    "prep_stmt_cache_size": (-1, 65537),
    "zero_date": ("", "none"),
    "connect_attrs": ({"a": "\0"}, {"\0": "a"}, {"\udc80": ""}, {"a": "x" * MAX_ATTRIBUTES}),
}
WRONG_TEXTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*(set(FLAGS) - {"environment"}), "ssl"), ("", "2", "ja", "y", "/ca")),
    **dict.fromkeys(INTEGERS, ("", "x", "-1", "1.5", "0x10", "1_0", "\u0661", "K", "1KB", "9" * 21)),
    **dict.fromkeys(TIMES, ("", "x", "-1", "-1.5", "1e3", "inf", "nan", ".", "1.5.0", "\u0663.\u0663")),
    "host": ("a\0b", "a:b", "[::1", ","),
    "zero_date": ("None",),
    "tls_version": ("", "SSLv3"),
    "tls_peer_fp": ("x", "12"),
    "auth_plugins": ("", "nothing"),
}


class OneFile:
    """Sources with the texts of one option file."""

    def __init__(self, **texts: str) -> None:
        self._texts = texts

    def option_file(self, path: str, groups: tuple[str, ...]) -> dict[str, str]:
        return self._texts

    def environment(self) -> dict[str, str]:
        return {}


def options(**keywords: Any) -> ConnectOptions:
    return ConnectOptions.from_keywords(keywords)


def from_text(**texts: str) -> ConnectOptions:
    return ConnectOptions.from_keywords({"default_file": "F"}, OneFile(**texts))


def values(made: ConnectOptions) -> dict[str, Any]:
    """All options; limits without the usual ones, and the options of TLS as "tls.ca" and so on, if there are any."""
    shown = {name: getattr(made, name) for name in ConnectOptions.__slots__}
    if made.limits is not None:
        usual = Limits()
        pairs = ((name, getattr(made.limits, name)) for name in Limits.__slots__)
        shown["limits"] = {name: value for name, value in pairs if value != getattr(usual, name)}
    if made.tls is not None:
        del shown["tls"]
        shown.update({f"tls.{name}": getattr(made.tls, name) for name in TLSOptions.__slots__})
    return shown


def expected(name: str) -> dict[str, Any]:
    """What `values()` shows if only this option is given, as in `GIVEN`."""
    kept = GIVEN[name][2]
    if name != "ssl" and name not in TLS_NAMES:
        return {**DEFAULTS, name: kept}
    return {**{option: value for option, value in DEFAULTS.items() if option != "tls"}, **kept}


def test_defaults() -> None:
    assert values(options()) == DEFAULTS


def test_none_means_not_given() -> None:
    assert values(options(**dict.fromkeys(CONNECT_BY_NAME))) == DEFAULTS


def test_the_tables_of_this_file_are_complete() -> None:
    names = {option.name for option in CONNECT_OPTIONS}
    assert GIVEN.keys() | APART == names == WRONG_TYPES.keys()
    assert {option.name for option in CONNECT_OPTIONS if not option.textual} == {
        "uri",
        *(name for name, (_, text, _) in GIVEN.items() if text is None),
    }


@pytest.mark.parametrize("name", GIVEN)
def test_given_as_a_keyword(name: str) -> None:
    made = values(options(**{name: GIVEN[name][0]}))
    assert made == expected(name)
    assert list(map(type, made.values())) == [type(expected(name)[key]) for key in made]


@pytest.mark.parametrize("name", [name for name, (_, text, _) in GIVEN.items() if text is not None])
def test_given_as_a_text(name: str) -> None:
    text = GIVEN[name][1]
    assert text is not None
    assert values(from_text(**{name: text})) == {**expected(name), "default_file": "F"}


@pytest.mark.parametrize("name", [name for name, (_, text, _) in GIVEN.items() if text is None])
def test_a_text_cannot_stand_for_it(name: str) -> None:
    with pytest.raises(
        ProgrammingError, match=rf"^{name} can only be given as a keyword of connect\(\) \(from the option file\)$"
    ):
        from_text(**{name: "1"})


@pytest.mark.parametrize(
    ("alias", "name"), [(alias, option.name) for option in CONNECT_OPTIONS for alias in option.aliases]
)
def test_aliases(alias: str, name: str) -> None:
    given = GIVEN[name][0]
    assert values(options(**{alias: given})) == values(options(**{name: given}))
    assert values(options(**{alias: given, name: given})) == values(options(**{name: given}))
    assert values(options(**{alias: None, name: given})) == values(options(**{name: given}))
    with pytest.raises(TypeError, match=f"^{name} and {alias} are the same option and have different values$"):
        options(**{name: given, alias: "other"})


def test_which_aliases_there_are() -> None:
    assert {option.name: option.aliases for option in CONNECT_OPTIONS if option.aliases} == {
        "unix_socket": ("socket",),
        "user": ("username",),
        "password": ("passwd",),
        "database": ("db",),
        "ssl": ("use_ssl", "ssl_enforce", "tls_enforce"),
        **{f"ssl_{name}": (f"tls_{name}",) for name in ("ca", "capath", "cert", "key", "passphrase", "cipher")},
        **{f"ssl_{name}": (f"tls_{name}",) for name in ("crl", "crlpath")},
        "ssl_verify_cert": ("ssl_verify_server_cert", "tls_verify_peer"),
        "tls_peer_fp": ("tls_fp", "ssl_fp"),
        "tls_peer_fp_list": ("tls_fp_list", "tls_fplist", "ssl_fp_list", "ssl_fplist"),
        "auth_plugins": ("restricted_auth",),
        "charset": ("character_encoding", "character_set"),
    }


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, them in WRONG_TYPES.items() for value in them])
def test_wrong_types(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name} wants .*, not {type(value).__name__}$"):
        options(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, them in WRONG_VALUES.items() for value in them])
def test_wrong_values(name: str, value: object) -> None:
    with pytest.raises(ProgrammingError, match=f"^{name} (is|may|has|needs) "):
        options(**{name: value})


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, them in WRONG_TEXTS.items() for text in them])
def test_wrong_texts(name: str, text: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        from_text(**{name: text})
    message = str(caught.value)
    assert message.startswith(f"{name} ")
    assert repr(text) in message or text == "-1"
    assert message.endswith("(from the option file)")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        *((name, zero, None) for name in (*TIMES[:3], "query_timeout") for zero in (0, 0.0)),
        ("cancel_grace", 0, 0),
        ("connect_timeout", 1e300, 1e300),
        ("port", 65535, 65535),
        ("client_flag", (1 << 64) - 1, (1 << 64) - 1),
        ("auth_plugins", [], ()),
        ("auth_plugins", list(PLUGINS), tuple(PLUGINS)),
        ("server_public_key", "", None),
        ("server_public_key", b"\0", b"\0"),
        ("server_public_key", "/key.pem", "/key.pem"),
        ("permit_redirect", True, True),
        ("max_allowed_packet", 1024, 1024),
        ("max_allowed_packet", 1 << 30, 1 << 30),
        ("prep_stmt_cache_size", 65536, 65536),
        ("database", "", None),
        ("password", b"\0\xff", b"\0\xff"),
        ("password", "a\0b", "a\0b"),
        ("user", "", ""),
        ("user", "x" * 100_000, "x" * 100_000),
        ("connect_attrs", {"a": "x" * (MAX_ATTRIBUTES - 1)}, {"a": "x" * (MAX_ATTRIBUTES - 1)}),
    ],
)
def test_values_at_the_edge(name: str, given: object, kept: object) -> None:
    assert getattr(options(**{name: given}), name) == kept


def test_a_dict_is_copied() -> None:
    attributes = {"a": "b"}
    made = options(connect_attrs=attributes)
    attributes["c"] = "d"
    assert made.connect_attrs == {"a": "b"}


# TLS: all that asks for it, and what asks for nothing


def with_tls(**attributes: Any) -> dict[str, Any]:
    """What `values()` shows of options that are not given but for these attributes of TLS."""
    unset = {name: value for name, value in DEFAULTS.items() if name != "tls"}
    return {**unset, **TLS, **{f"tls.{name}": value for name, value in attributes.items()}}


@pytest.mark.parametrize(
    ("given", "attributes"),
    [
        (True, {}),
        (5, {}),
        ({}, {}),
        (CONTEXT, {"context": CONTEXT}),
        (
            {"ca": "/ca", "capath": "/cas", "cert": "/c", "key": "/k", "passphrase": "p", "cipher": "AES", "crl": "/l"},
            {"ca": "/ca", "capath": "/cas", "cert": "/c", "key": "/k", "passphrase": "p", "cipher": "AES", "crl": "/l"},
        ),
        ({"crlpath": "/ls", "verify_cert": True}, {"crlpath": "/ls", "verify": True}),
        ({"verify_cert": False}, {"verify": False}),
        ({"verify_server_cert": 1, "fp": SHA256}, {"verify": True, "fingerprints": (SHA256.upper(),)}),
        ({"ca": None, "key": None}, {}),
    ],
)
def test_ssl(given: object, attributes: dict[str, Any]) -> None:
    for name in ("ssl", "use_ssl", "ssl_enforce", "tls_enforce"):
        assert values(options(**{name: given})) == with_tls(**attributes)


@pytest.mark.parametrize("value", [False, 0, None])
def test_ssl_that_is_not_wanted(value: object) -> None:
    assert values(options(ssl=value)) == values(options(ssl=value, ssl_verify_cert=False)) == DEFAULTS


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"ssl": {"mode": "x"}}, "ssl has a key 'mode': there is no keyword 'ssl_mode'"),
        ({"ssl": {1: "x"}}, "ssl has a key 1: there is no keyword 'ssl_1'"),
        ({"ssl": {"": "x"}}, "ssl has a key '': there is no keyword 'ssl_'"),
        ({"ssl": {"ca": 1}}, "ssl_ca wants str, not int"),
        ({"ssl": {"ca": "/a"}, "ssl_ca": "/b"}, "ssl_ca and 'ca' in ssl are the same option and have different values"),
        ({"ssl_ca": "/b", "ssl": {"ca": "/a"}}, "ssl_ca and 'ca' in ssl are the same option and have different values"),
        (
            {"ssl": {"ca": "/a"}, "use_ssl": {"ca": "/b"}},
            "ssl_ca and 'ca' in ssl are the same option and have different values",
        ),
        ({"ssl": {"ca": "/a"}, "tls_ca": "/b"}, "ssl_ca and tls_ca are the same option and have different values"),
        ({"ssl": {"enforce": False}}, "ssl and ssl_enforce are the same option and have different values"),
    ],
)
def test_a_dict_that_does_not_fit(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        options(**keywords)
    assert str(caught.value) == message


@pytest.mark.parametrize("keywords", [{"ssl_ca": "/a"}, {"tls_ca": "/a"}, {"ssl_ca": None}])
def test_a_dict_that_says_the_same_again(keywords: dict[str, Any]) -> None:
    for given in ({"ssl": {"ca": "/a"}, **keywords}, {**keywords, "ssl": {"ca": "/a"}}):
        assert values(options(**given)) == with_tls(ca="/a")
    assert values(options(ssl={"ca": None}, ssl_ca="/a")) == with_tls(ca="/a")


def test_client_flag_asks_for_tls_too() -> None:
    assert values(options(client_flag=Capability.SSL)) == {**with_tls(), "client_flag": Capability.SSL}


@pytest.mark.parametrize("name", sorted({*PATHS, "ssl_cipher", "tls_peer_fp"}))
@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_text_does_not_switch_tls_off(name: str, blank: str) -> None:
    """It may come from a variable that is not set."""
    for make in (options, from_text):
        with pytest.raises(ProgrammingError, match=f"^{name} (is a path|has no (fingerprint|cipher)); None for none"):
            make(**{name: blank})


def test_an_empty_passphrase_is_none() -> None:
    assert values(options(ssl_passphrase="")) == DEFAULTS
    assert values(from_text(ssl_passphrase="")) == {**DEFAULTS, "default_file": "F"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("TLSv1.2", ("TLSv1.2", "TLSv1.2")),
        ("TLSv1.3", ("TLSv1.3", "TLSv1.3")),
        ("TLSv1.1,TLSv1.2", ("TLSv1.2", "TLSv1.2")),
    ],
)
def test_tls_version(given: str, kept: tuple[str, str]) -> None:
    assert values(options(tls_version=given)) == with_tls(version=kept)


@pytest.mark.parametrize("given", ["TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1.0,TLSv1.1"])
def test_an_obsolete_version(given: str) -> None:
    with pytest.raises(ProgrammingError, match=r"^tls_version needs TLSv1.2 or TLSv1.3: older versions are obsolete "):
        options(tls_version=given)


@pytest.mark.parametrize("given", ["0" * 40, "0" * 32, ":".join(["ab"] * 20)])
def test_a_weak_fingerprint(given: str) -> None:
    for attempt in (given, [SHA256, given], f"{SHA256}, {given}"):
        with pytest.raises(
            ProgrammingError, match=r"^tls_peer_fp is of MD5 or SHA-1, which are too weak; take SHA-256"
        ):
            options(tls_peer_fp=attempt)


@pytest.mark.parametrize("name", ["ssl_mode", "ssl_later", "tls_ciphersuites", "tls_sni"])
def test_options_about_tls_that_only_other_programs_have(name: str) -> None:
    for text in ("1", "REQUIRED", "/file", "preferred"):
        with pytest.raises(ProgrammingError, match=rf"^There is no option '{name}' \(from the option file\)"):
            from_text(**{name: text})
    for text in ("0", "no", "OFF", "False", "DISABLED", ""):
        assert values(from_text(**{name: text})) == {**DEFAULTS, "default_file": "F"}
    with pytest.raises(TypeError, match=rf"^connect\(\) has no keyword '{name}'"):
        options(**{name: False})


@pytest.mark.parametrize("text", ["0", "no", "OFF", "false"])
def test_tls_switched_off_in_a_text(text: str) -> None:
    assert values(from_text(ssl=text, ssl_verify_server_cert=text)) == {**DEFAULTS, "default_file": "F"}


def test_a_file_name_is_not_a_switch() -> None:
    assert values(from_text(ssl_ca="off")) == {**with_tls(ca="off"), "default_file": "F"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("auth_plugins", f"auth_plugins is a list of {', '.join(PLUGINS)}, not 'x'"),
        ("ssl", "ssl wants bool or int or dict or SSLContext, not str"),
        ("tls_peer_fp", "tls_peer_fp is the SHA-256 (SHA-224, -384, -512) of a certificate in hexadecimal, or several"),
        ("tls_version", "tls_version is a list of TLSv1.2 and TLSv1.3, not 'x'"),
    ],
)
def test_errors_say_what_is_possible(name: str, message: str) -> None:
    with pytest.raises((TypeError, ProgrammingError)) as caught:
        options(**{name: "x"})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 1}, f"limits is a dict of {', '.join(Limits.__slots__)}, not {{'rows': 1}}"),
        *(
            (
                {"columns": wrong},
                f"limits has a columns that is no number from 1 to {2**64 - 1}, not {{'columns': {wrong}}}",
            )
            for wrong in (0, -1, 1 << 64, True)
        ),
    ],
)
def test_limits_that_are_none(given: dict[str, int], message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        options(limits=given)
    assert str(caught.value) == message


# What is refused


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "", "utf16"])
def test_other_charsets(charset: str) -> None:
    with pytest.raises(NotSupportedError, match=f"^charset '{charset}' is not supported: a connection speaks utf8mb4$"):
        options(charset=charset)


def test_dsn() -> None:
    with pytest.raises(ProgrammingError, match=r"^dsn keyword is not supported$"):
        options(dsn="mariadb://localhost")


@pytest.mark.parametrize(
    ("keyword", "meant"),
    [
        ("pasword", "password"),
        ("databse", "database"),
        ("usr", "user"),
        ("Port", "port"),
        ("conect_timeout", "connect_timeout"),
        ("pool_nam", "pool_name"),
        ("prep_stmt_cach_size", "prep_stmt_cache_size"),
    ],
)
def test_an_unknown_keyword_names_the_nearest(keyword: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"^connect\(\) has no keyword '{keyword}'; did you mean '{meant}'\?$"):
        options(**{keyword: None})


def test_an_unknown_keyword_that_is_near_to_none() -> None:
    with pytest.raises(TypeError, match=r"^connect\(\) has no keyword 'zzzz'$"):
        options(zzzz=1)


@pytest.mark.parametrize("keyword", ["pool_size", "pool_reset_session", "pool_validation_interval"])
def test_a_keyword_of_a_pool_without_a_pool(keyword: str) -> None:
    with pytest.raises(TypeError, match=f"^{keyword} is an option of a pool, and no pool_name is given$"):
        options(**{keyword: 5})
    with pytest.raises(
        ProgrammingError, match=f"^{keyword} is an option of a pool, and can only be given as a keyword"
    ):
        from_text(**{keyword: "5"})
