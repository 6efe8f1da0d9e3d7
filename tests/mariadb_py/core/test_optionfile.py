"""Lines of option files, and the keys that count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mariadb_py.core.optionfile import GROUPS, Directive, Entry, choose, parse
from mariadb_py.core.options import ConnectOptions
from mariadb_py.exceptions import NotSupportedError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def entries(text: str) -> list[tuple[str, str, str | None]]:
    return [(item.group, item.key, item.value) for item in parse(text, "F") if isinstance(item, Entry)]


def chosen(*lines: str, groups: Iterable[str] = GROUPS) -> dict[str, str]:
    found = [item for item in parse("\n".join(("[client]", *lines)), "F") if isinstance(item, Entry)]
    return {name: str(text) for name, text in choose(found, tuple(groups)).items()}


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("user=root", "user", "root"),
        ("  user \t=  root\t\r", "user", "root"),
        ("user", "user", None),
        ("user # why", "user", None),
        ("user=", "user", ""),
        ("user=a=b", "user", "a=b"),
        ("=a", "", "a"),
        ("user=a b", "user", "a b"),
        ("user=a;b", "user", "a;b"),
        ("user=a#b", "user", "a"),
        ("user='a#b' # c", "user", "a#b"),
        ('user="a#b"', "user", "a#b"),
        ("user=it's # no comment", "user", "it's # no comment"),
        (r'user="a\"#b"', "user", 'a"#b'),
        (r"user=a\#b", "user", "a\\"),
        ("user=''", "user", ""),
        ("user='", "user", "'"),
        ("user='a\"", "user", "'a\""),
        ("user='it''s'", "user", "it''s"),
        ("user=a 'b'", "user", "a 'b'"),
        ("user=' a '", "user", " a "),
        (r"user=\n\t\r\b\s\"\'\\", "user", "\n\t\r\b \"'\\"),
        (r"user=\q\N", "user", r"\q\N"),
        (r"user=\\n", "user", r"\n"),
        (r"user=\\\n", "user", "\\\n"),
        (r"user=C:\dir" + "\\", "user", r"C:\dir" + "\\"),
        (r"user='a\'", "user", "a\\"),
        ("user=測\u00a0", "user", "測\u00a0"),
    ],
)
def test_an_entry(line: str, key: str, value: str | None) -> None:
    assert entries(f"[client]\n{line}\n") == [("client", key, value)]


@pytest.mark.parametrize("line", ["", " ", "#user", ";user", " \t# user", "!", "!included x", "!other", "[b] user=x"])
def test_no_entry(line: str) -> None:
    assert entries(f"[a]\n{line}") == []


@pytest.mark.parametrize(
    ("line", "group"),
    [("[client]", "client"), (" [ a b \t] # why", " a b"), ("[]", ""), ("[[a]]", "[a")],
)
def test_a_group(line: str, group: str) -> None:
    assert entries(f"{line}\nx\n") == [(group, "x", None)]


@pytest.mark.parametrize(
    ("line", "kind", "path"),
    [
        ("!include /a b ", "include", "/a b"),
        ("! \tincludedir\t/d", "includedir", "/d"),
        ("!include '/a' # b", "include", "'/a' # b"),
    ],
)
def test_a_directive(line: str, kind: str, path: str) -> None:
    (directive,) = parse(f"\n{line}", "F")
    assert isinstance(directive, Directive)
    assert (directive.kind, directive.path, directive.origin) == (kind, path, "F, line 2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#\nuser=root", "Option in front of the first group in option file F, line 2"),
        ("[client\n", "Group name without ] in option file F, line 1"),
        ("!include", "!include without a path in option file F, line 1"),
        ("!includedir  ", "!includedir without a path in option file F, line 1"),
        ("[client]\nuser=\0", "NUL character in option file F, line 2"),
    ],
)
def test_what_is_not_an_option_file(text: str, message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        list(parse(text, "F"))
    assert str(caught.value) == message


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.sampled_from("[]!#;=\\'\"\n\r\t -_\0\udc80"),
            st.sampled_from(["[client]\n", "user", "port=", "ssl", "include "]),
        )
    ).map("".join)
)
def test_any_text_is_an_option_file_or_one_of_our_errors(text: str) -> None:
    class File:
        def option_file(self, path: str, groups: tuple[str, ...]) -> dict[str, str]:
            return {**choose([item for item in parse(text, path) if isinstance(item, Entry)], (*GROUPS, *groups))}

        def environment(self) -> dict[str, str]:
            return {}

    try:
        ConnectOptions.from_keywords({"default_file": "F"}, File())
    except (ProgrammingError, NotSupportedError):
        return


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_quoted_value_comes_back(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert entries(f'[a]\nkey = "{escaped}"\n') == [("a", "key", value)]


# Which keys count


FILES = ("ca", "capath", "cert", "key", "passphrase", "cipher", "crl", "crlpath")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("user=u", {"user": "u"}),
        ("passwd=p", {"password": "p"}),
        ("servername=h", {"host": "h"}),
        ("socket=/s", {"unix_socket": "/s"}),
        ("timeout=5", {"connect_timeout": "5"}),
        ("connect-timeout=5", {"connect_timeout": "5"}),
        ("connect_timeout=5", {"connect_timeout": "5"}),
        ("max-allowed_packet=16M", {"max_allowed_packet": "16M"}),
        ("compress", {"compress": "1"}),
        ("compress=0", {"compress": "0"}),
        ("disable-local-infile", {"local_infile": "0"}),
        ("skip_compress", {"compress": "0"}),
        ("enable-reconnect", {"reconnect": "1"}),
        ("loose-compress=0", {"compress": "0"}),
        ("loose-skip-compress", {"compress": "0"}),
        ("skip-host", {}),
        ("loose-other", {}),
        ("Compress", {}),
        ("no-auto-rehash", {}),
        ("default-character-set=latin1", {}),
        ("default-file=F", {}),
        ("default_group=g", {}),
        ("environment=1", {}),
        ("return-found-rows", {"client_flag": "2"}),
        ("multi-queries=on", {"client_flag": "65536"}),
        ("skip-multi-statements", {"client_flag": "0"}),
        ("ssl-ca=/ca", {"ssl_ca": "/ca"}),
        ("ssl", {"ssl": "1"}),
        ("skip-ssl", {"ssl": "0"}),
        ("ssl=off", {"ssl": "off"}),
        ("loose-ssl", {"ssl": "1"}),
        ("ssl-enforce", {"ssl": "1"}),
        ("ssl-verify-server-cert", {"ssl_verify_cert": "1"}),
        ("disable-ssl-verify-server-cert", {"ssl_verify_cert": "0"}),
        ("skip-tls-verify-peer", {"ssl_verify_cert": "0"}),
        ("tls-version=TLSv1.3", {"tls_version": "TLSv1.3"}),
        *((f"{kind}-{name}=x", {f"ssl_{name}": "x"}) for kind in ("ssl", "tls") for name in FILES),
        *((f"{name}=AB", {"tls_peer_fp": "AB"}) for name in ("ssl-fp", "tls-fp", "tls-peer-fp")),
        *((f"{name}=/l", {"tls_peer_fp_list": "/l"}) for name in ("ssl-fplist", "ssl-fp-list", "tls-fplist")),
        # What only other programs have: kept, so that it can be refused.
        ("ssl-mode=REQUIRED", {"ssl_mode": "REQUIRED"}),
        ("ssl-later", {"ssl_later": "1"}),
        ("skip-tls-later", {"tls_later": "0"}),
        ("restricted-auth=parsec,dialog", {"auth_plugins": "parsec,dialog"}),
        ("server-public-key=/key", {"server_public_key": "/key"}),
        ("allow-public-key-retrieval", {"allow_public_key_retrieval": "1"}),
        ("skip-permit-redirect", {"permit_redirect": "0"}),
        ("query-timeout=1.5", {"query_timeout": "1.5"}),
        ("cancel-grace=0", {"cancel_grace": "0"}),
        ("limits=1", {}),
        ("auth-prompt=f", {}),
    ],
)
def test_keys(line: str, expected: dict[str, str]) -> None:
    assert chosen(line) == expected


def test_the_last_of_several_counts() -> None:
    assert chosen("user=a", "[client-server]", "username=b", "[client]", "port=1") == {"user": "b", "port": "1"}


def test_flags_come_together() -> None:
    lines = ("client_flag=4", "multi-statements", "return-found-rows", "multi_queries=0")
    assert chosen(*lines) == {"client_flag": "6"}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [(GROUPS, "2"), (("mine", *GROUPS), "3"), (("client",), "1"), ((), None)],
)
def test_groups(groups: tuple[str, ...], expected: str | None) -> None:
    lines = ("port=1", "[client-mariadb]", "port=2", "[mine]", "port=3", "[Client]", "port=4")
    assert chosen(*lines, groups=groups).get("port") == expected


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("", "password"), "password needs a value (from F, line 3)"),
        (("loose-user",), "user needs a value (from F, line 2)"),
        (("ssl-ca",), "ssl_ca needs a value (from F, line 2)"),
        (("tls-fp",), "tls_peer_fp needs a value (from F, line 2)"),
        (("server-public-key",), "server_public_key needs a value (from F, line 2)"),
        (("multi-statements=x",), "A switch wants yes or no, not 'x' (from F, line 2)"),
        (("client-flag=x", "multi-statements"), "client_flag wants a whole number, not 'x' (from F, line 2)"),
    ],
)
def test_values_that_are_missing_or_wrong(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        chosen(*lines)
    assert str(caught.value) == message


def test_a_text_knows_its_line() -> None:
    (found,) = [item for item in parse("[client]\nport=1", "F") if isinstance(item, Entry)]
    assert choose([found], GROUPS)["port"].origin == "F, line 2"
