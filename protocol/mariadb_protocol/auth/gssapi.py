"""auth_gssapi_client: tokens of GSSAPI or SSPI, such as Kerberos, which somebody else makes.

    server: service principal name NUL, perhaps mechanism NUL
    then tokens in turn, the client's first

Source: MariaDB documentation, page "Authentication Plugin - GSSAPI".
"""

from __future__ import annotations

from ..errors import SecurityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange


def gssapi(attempt: Attempt, challenge: bytes) -> Exchange:
    """Carry the tokens that `Security.gssapi` makes.

    Raises:
        SecurityError: there is no such function.
    """
    begin = attempt.security.gssapi
    if begin is None:
        raise SecurityError("auth_gssapi_client needs auth_gssapi=..., a function that makes the tokens")
    names = [name.decode("utf-8", "backslashreplace") for name in challenge.split(b"\0")]
    step = begin(names[0], names[1] if len(names) > 1 else "")
    token = step(None)
    while True:
        token = step((yield token))
