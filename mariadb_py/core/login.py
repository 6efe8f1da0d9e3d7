"""What a login says about us, and where the server sends us behind it."""

from __future__ import annotations

from mariadb_protocol import Credentials
from mariadb_protocol.constants import Capability
from mariadb_protocol.params import encode_text

from ..exceptions import ProgrammingError
from .endpoint import redirected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mariadb_protocol import Session

    from .endpoint import Endpoint
    from .options import ConnectOptions

_CAPABILITIES = Capability.MARIADB_BULK | Capability.MARIADB_BULK_UNIT_RESULTS | Capability.MARIADB_CACHE_METADATA


def credentials(
    options: ConnectOptions,
    attributes: Mapping[str, str],
    user: str | None,
    password: str | bytes | None,
    database: str | None,
) -> Credentials:
    """Who logs in, to what, with which capabilities and attributes.

    Raises:
        TypeError: a name or password is of the wrong type.
        ProgrammingError: a name has a NUL character, or is not Unicode.
    """
    capabilities = options.client_flag & ~Capability.LOCAL_FILES | _CAPABILITIES
    if options.compress:
        capabilities |= Capability.COMPRESS
    if options.local_infile:
        capabilities |= Capability.LOCAL_FILES
    return Credentials(
        encode_name(user, "user"),
        encode_password(password),
        encode_name(database, "database") or None,
        {**attributes, **(options.connect_attrs or {})},
        capabilities,
    )


def encode_name(name: str | None, what: str) -> bytes:
    """The name of an account or database in UTF-8."""
    if name is None:
        return b""
    if not isinstance(name, str):
        raise TypeError(f"{what} is a str, not {type(name).__name__}")
    if "\0" in name:
        raise ProgrammingError(f"{what} contains a NUL character at position {name.index(chr(0))}")
    return encode_text(name, what)


def encode_password(password: str | bytes | None) -> bytes:
    """A password in UTF-8, or as it is."""
    if password is None:
        return b""
    if isinstance(password, str):
        return password.encode("utf-8", "surrogatepass")
    if isinstance(password, bytes):
        return password
    raise TypeError(f"password is a str or bytes, not {type(password).__name__}")


def follows(session: Session, permitted: bool | None) -> bool:
    """Whether a redirection from, or to, the server of this session is followed.

    Args:
        session: just logged in.
        permitted: as the user says; None: if the server is known to be the one that is meant.
    """
    return bool(session.channel.verified) if permitted is None else permitted


def redirection(session: Session, permitted: bool | None, endpoint: Endpoint) -> Endpoint | None:
    """Where the server at `endpoint` asks to be connected to instead, if that is followed.

    Args:
        session: just logged in.
        permitted: as for `follows`.
        endpoint: where it is.
    """
    url = session.variables.get("redirect_url")
    if not url or not follows(session, permitted):
        return None
    target = redirected(url)
    if target is None or (target.host, target.port) == (endpoint.host, endpoint.port):
        return None
    return target
