"""Plugins by which the password itself travels: MySQL's SHA-2 ones, and MariaDB's PAM; where they are allowed to.

PAM has two services here, one with a question and one with two, and a program that knows the password.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from mariadb_py.exceptions import OperationalError
from tests.support.accounts import account_server, denied, pam_service, secured, use_cryptography, whoami

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.support.accounts import Accounts

SECRET = "s\u00e9cret"
SAFE = ("socket", "socket, TLS", "verified TLS")
UNSAFE = ("TCP", "unverified TLS")
CHECK = f"#!/bin/sh\n[ \"$(cat)\" = '{SECRET}' ]\n"
ONE_QUESTION = (
    "auth required pam_exec.so expose_authtok quiet {folder}/check",
    "account required pam_permit.so",
)
# pam_ftp asks those for their address whom it takes for guests.
TWO_QUESTIONS = (ONE_QUESTION[0], "auth required pam_ftp.so users=guest ignore", ONE_QUESTION[1])
WAYS = (
    "which is done only over a unix socket; over TLS that is verified by a CA (ssl_ca) or a fingerprint (tls_peer_fp)"
)
WAYS_IN_PLAIN_TEXT = (
    f"{WAYS}; or encrypted by the server's RSA key (server_public_key); or with allow_public_key_retrieval=True"
)
AS_IT_IS = f"the password would travel as it is, {WAYS}"


@pytest.fixture(scope="module")
def accounts() -> Iterator[Accounts]:
    with account_server() as accounts:
        (accounts.server.folder / "check").write_text(CHECK, encoding="utf-8")
        (accounts.server.folder / "check").chmod(0o755)
        yield accounts


@pytest.fixture(params=[True, False], ids=["cryptography", "pure"])
def cryptography(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    use_cryptography(monkeypatch, request.param)


def refused(accounts: Accounts, user: str, password: Any, channel: str, **keywords: Any) -> OperationalError:
    """The error; it does not show the password, nor does anything that prints it."""
    with pytest.raises(OperationalError) as caught:
        accounts.connect(user, password, channel, **keywords)
    error = caught.value
    for text in (str(error), repr(error), "".join(traceback.format_exception(type(error), error, error.__traceback__))):
        assert SECRET not in text
    return error


# caching_sha2_password and sha256_password


def make(accounts: Accounts, plugin: str, password: str = SECRET) -> str:
    accounts.need(plugin)
    return accounts.create((plugin, password))


SHA2 = pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])


@SHA2
@pytest.mark.parametrize("channel", SAFE)
def test_the_password_travels_where_nobody_reads_it(accounts: Accounts, plugin: str, channel: str) -> None:
    user = make(accounts, plugin)
    with accounts.connect(user, SECRET, channel) as connection:
        assert whoami(connection) == user
        assert connection.security == secured(connection, channel, plugin)
    assert str(refused(accounts, user, "wrong", channel)) == denied(user, channel)


@SHA2
def test_the_password_travels_to_a_server_with_a_certificate_of_its_ca(accounts: Accounts, plugin: str) -> None:
    """The certificate has no name of the server, so that no other host than the unix socket can be verified by it."""
    user = make(accounts, plugin)
    ca = str(accounts.server.datadir / "ca.pem")
    with accounts.connect(user, SECRET, "socket", ssl_ca=ca) as connection:
        assert whoami(connection) == user
        tls = f"{connection.tls_version} ({connection.tls_cipher})"
        verified = "server verified by certificate chain"
        assert connection.security == f"unix socket, encrypted by {tls}, {verified}; authentication by {plugin}"
    error = refused(accounts, user, SECRET, "TCP", ssl_ca=ca)
    assert error.errno == 2026
    assert str(error).startswith("TLS: the server's certificate is refused: ")


@SHA2
def test_the_password_does_not_travel_elsewhere(accounts: Accounts, plugin: str) -> None:
    user = make(accounts, plugin)
    error = refused(accounts, user, SECRET, "TCP")
    assert (error.errno, str(error)) == (2061, f"{plugin} has to send the password, {WAYS_IN_PLAIN_TEXT}")


@SHA2
@pytest.mark.parametrize("key", ["none", "asked for", "pinned"])
def test_no_key_helps_over_unverified_tls(accounts: Accounts, plugin: str, key: str) -> None:
    """There the server expects the password as it is."""
    user = make(accounts, plugin)
    keys = {"none": {}, "asked for": {"allow_public_key_retrieval": True}, "pinned": accounts.trust}
    error = refused(accounts, user, SECRET, "unverified TLS", **keys[key])
    assert (error.errno, str(error)) == (2061, f"{plugin} has to send the password, {WAYS}")


@SHA2
@pytest.mark.parametrize("form", ["asked for", "path", "str", "bytes"])
def test_the_password_travels_encrypted(accounts: Accounts, cryptography: None, plugin: str, form: str) -> None:
    user = make(accounts, plugin)
    path = accounts.server.datadir / "public_key.pem"
    keywords: dict[str, Any] = {
        "asked for": {"allow_public_key_retrieval": True},
        "path": {"server_public_key": str(path)},
        "str": {"server_public_key": path.read_text(encoding="ascii").rstrip("\0")},
        "bytes": {"server_public_key": path.read_bytes()},
    }[form]
    with accounts.connect(user, SECRET, **keywords) as connection:
        assert whoami(connection) == user
        assert connection.security == secured(connection, "TCP", plugin)
    assert str(refused(accounts, user, "wrong", "TCP", **keywords)) == denied(user)


@SHA2
def test_another_servers_key(accounts: Accounts, cryptography: None, plugin: str, tmp_path: Path) -> None:
    """It is the one that counts, even if the server's own may be asked for."""
    user = make(accounts, plugin)
    key = tmp_path / "other.pem"
    key.write_bytes(OTHER_KEY)
    for more in ({}, {"allow_public_key_retrieval": True}):
        error = refused(accounts, user, SECRET, "TCP", server_public_key=str(key), **more)
        assert (error.errno, str(error)) == (1045, denied(user))


@SHA2
def test_a_key_that_cannot_be_read(accounts: Accounts, plugin: str, tmp_path: Path) -> None:
    user = make(accounts, plugin)
    name = str(tmp_path / "missing.pem")
    error = refused(accounts, user, SECRET, "TCP", server_public_key=name)
    reason = f"server_public_key: {name!r} cannot be read (No such file or directory)"
    assert (error.errno, str(error)) == (2061, reason)


def test_the_second_login_is_a_fast_one(accounts: Accounts) -> None:
    """The server keeps a hash of the password then, and the password need not travel again, to wherever that is."""
    user = make(accounts, "caching_sha2_password")
    for channel in UNSAFE:
        assert refused(accounts, user, SECRET, channel).errno == 2061
    with accounts.connect(user, SECRET, "socket"):
        pass
    for channel in UNSAFE:
        with accounts.connect(user, SECRET, channel) as connection:
            assert whoami(connection) == user
            assert connection.security == secured(connection, channel, "caching_sha2_password")
        assert refused(accounts, user, "wrong", channel).errno == 2061  # it would have to travel
    accounts.execute("FLUSH PRIVILEGES")
    assert refused(accounts, user, SECRET, "TCP").errno == 2061


def test_sha256_password_has_no_fast_login(accounts: Accounts) -> None:
    user = make(accounts, "sha256_password")
    with accounts.connect(user, SECRET, "socket"):
        pass
    assert refused(accounts, user, SECRET, "TCP").errno == 2061


@SHA2
def test_change_user_where_the_password_does_not_travel(accounts: Accounts, plugin: str) -> None:
    user = make(accounts, plugin)
    connection = accounts.connect(accounts.create((plugin, "")), None)
    with pytest.raises(OperationalError) as caught:
        connection.change_user(user, SECRET, None)
    assert str(caught.value) == f"{plugin} has to send the password, {WAYS_IN_PLAIN_TEXT}"
    assert not connection.open
    connection.close()


# PAM, by way of the plugin "dialog"


@pytest.fixture(scope="module")
def one_question(accounts: Accounts) -> Iterator[str]:
    """A user whom PAM asks for the password."""
    with pam_service(accounts, ONE_QUESTION) as service:
        yield accounts.create(("pam", service))


@pytest.fixture(scope="module")
def two_questions(accounts: Accounts) -> Iterator[str]:
    with pam_service(accounts, TWO_QUESTIONS) as service:
        yield accounts.create(("pam", service), name="guest")


ADDRESS = "Guest login ok, send your complete e-mail address as password."


class Prompt:
    """Answers questions, and keeps them."""

    def __init__(self, **answers: str | bytes) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, question: str, visible: bool) -> str | bytes:
        self.asked.append((question, visible))
        return self.answers[question.partition(" ")[0].rstrip(":")]


@pytest.mark.parametrize("channel", SAFE)
@pytest.mark.parametrize("plugins", [None, ["dialog"]])
def test_pam(accounts: Accounts, one_question: str, channel: str, plugins: list[str] | None) -> None:
    with accounts.connect(one_question, SECRET, channel, auth_plugins=plugins) as connection:
        assert whoami(connection) == one_question
        assert connection.security == secured(connection, channel, "pam")
    error = refused(accounts, one_question, "wrong", channel, auth_plugins=plugins)
    assert (error.errno, str(error)) == (1045, denied(one_question, channel, "NO"))


@pytest.mark.parametrize("channel", UNSAFE)
def test_pam_where_somebody_could_read_it(accounts: Accounts, one_question: str, channel: str) -> None:
    prompt = Prompt()
    error = refused(accounts, one_question, SECRET, channel, auth_prompt=prompt)
    note = f" (dialog was not used: {AS_IT_IS})"
    assert (error.errno, str(error)) == (1045, denied(one_question, channel, "NO") + note)
    assert prompt.asked == []


def test_pam_where_only_the_password_could_verify_the_server(accounts: Accounts, one_question: str) -> None:
    """The proof would come too late."""
    error = refused(accounts, one_question, SECRET, "TCP", ssl_verify_cert=True)
    assert str(error) == denied(one_question, using="NO") + f" (dialog was not used: {AS_IT_IS})"


@pytest.mark.parametrize("form", [str, str.encode])
@pytest.mark.parametrize("channel", SAFE)
def test_a_prompt_for_the_password(accounts: Accounts, one_question: str, channel: str, form: Any) -> None:
    prompt = Prompt(Password=form(SECRET))
    with accounts.connect(one_question, None, channel, auth_prompt=prompt) as connection:
        assert whoami(connection) == one_question
    assert prompt.asked == [("Password: ", False)]


@pytest.mark.parametrize("channel", SAFE)
def test_several_prompts(accounts: Accounts, two_questions: str, channel: str) -> None:
    """The password answers the first one, if there is one."""
    prompt = Prompt(Password=SECRET, Guest="guest@example.com")
    with accounts.connect(two_questions, SECRET, channel, auth_prompt=prompt) as connection:
        assert whoami(connection) == two_questions
        assert prompt.asked == [(ADDRESS, False)]
        connection.change_user(two_questions, None, None)
        assert whoami(connection) == two_questions
        assert prompt.asked == [(ADDRESS, False), ("Password: ", False), (ADDRESS, False)]
    error = refused(accounts, two_questions, "wrong", channel, auth_prompt=prompt)
    assert error.errno == 1045


def test_nobody_to_answer(accounts: Accounts, one_question: str, two_questions: str) -> None:
    for user, password, question in ((one_question, None, "Password: "), (two_questions, SECRET, ADDRESS)):
        error = refused(accounts, user, password, "socket")
        reason = f"the server asks {question!r}, and there is no auth_prompt=... to answer that"
        assert (error.errno, str(error)) == (2061, reason)


def test_a_prompt_that_fails(accounts: Accounts, one_question: str) -> None:
    def prompt(question: str, visible: bool) -> str:
        raise EOFError("nobody is there")

    with pytest.raises(EOFError, match=r"^nobody is there$"):
        accounts.connect(one_question, None, "socket", auth_prompt=prompt)


def test_pam_and_another_plugin(accounts: Accounts, one_question: str) -> None:
    """Over TCP the second one is left."""
    with pam_service(accounts, ONE_QUESTION) as service:
        user = accounts.create(("pam", service), ("mysql_native_password", "native"))
        for channel, password, plugin in (
            ("socket", SECRET, "pam"),
            ("socket", "native", "mysql_native_password"),
            ("TCP", "native", "mysql_native_password"),
        ):
            with accounts.connect(user, password, channel) as connection:
                assert whoami(connection) == user
                assert connection.security == secured(connection, channel, plugin)
        assert str(refused(accounts, user, SECRET, "TCP")).endswith(f" (dialog was not used: {AS_IT_IS})")


def test_change_user_by_pam(accounts: Accounts, one_question: str) -> None:
    native = accounts.create(("mysql_native_password", "native"))
    with accounts.connect(native, "native", "socket") as connection:
        connection.change_user(one_question, SECRET, None)
        assert whoami(connection) == one_question
        assert connection.security == secured(connection, "socket", "pam")
        connection.change_user(native, "native", None)
        assert connection.security == secured(connection, "socket", "mysql_native_password")


# PAM, by way of mysql_clear_password


@pytest.fixture(scope="module")
def clear(accounts: Accounts) -> Iterator[tuple[Accounts, str]]:
    """A server whose PAM wants the password at once, and a user."""
    accounts.need("pam")
    with account_server(["--loose-pam-use-cleartext-plugin=ON"]) as others:
        (others.server.folder / "check").write_text(CHECK, encoding="utf-8")
        (others.server.folder / "check").chmod(0o755)
        with pam_service(others, ONE_QUESTION) as service:
            yield others, others.create(("pam", service))


CLEAR = "mysql_clear_password"


@pytest.mark.parametrize("plugins", [[CLEAR], ["mysql_native_password", CLEAR], f"dialog,{CLEAR}"])
@pytest.mark.parametrize("channel", SAFE)
def test_clear_password(clear: tuple[Accounts, str], channel: str, plugins: Any) -> None:
    accounts, user = clear
    with accounts.connect(user, SECRET, channel, auth_plugins=plugins) as connection:
        assert whoami(connection) == user
        assert connection.security == secured(connection, channel, CLEAR)
        connection.change_user(user, SECRET, None)
        assert whoami(connection) == user
    error = refused(accounts, user, "wrong", channel, auth_plugins=plugins)
    assert (error.errno, str(error)) == (1045, denied(user, channel, "NO"))


@pytest.mark.parametrize("channel", SAFE)
def test_clear_password_has_to_be_asked_for(clear: tuple[Accounts, str], channel: str) -> None:
    accounts, user = clear
    error = refused(accounts, user, SECRET, channel)
    note = f" ({CLEAR} was not used: it is not among the auth_plugins)"
    assert (error.errno, str(error)) == (1045, denied(user, channel, "NO") + note)


@pytest.mark.parametrize("channel", UNSAFE)
def test_clear_password_where_somebody_could_read_it(clear: tuple[Accounts, str], channel: str) -> None:
    accounts, user = clear
    error = refused(accounts, user, SECRET, channel, auth_plugins=CLEAR)
    note = f" ({CLEAR} was not used: {AS_IT_IS})"
    assert (error.errno, str(error)) == (1045, denied(user, channel, "NO") + note)


def test_the_environment_does_not_ask_for_it(clear: tuple[Accounts, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable by which MySQL's programs are told to send passwords as they are."""
    accounts, user = clear
    monkeypatch.setenv("LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN", "1")
    assert refused(accounts, user, SECRET, "socket").errno == 1045


def other_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(65537, 2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


OTHER_KEY = other_key()
