"""mysql_clear_password: the password as it is, for servers that hand it on, such as to PAM or LDAP.

Source: MariaDB documentation, page "Authentication Plugin - PAM".
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plugin import Attempt, Exchange


def clear_password(attempt: Attempt, challenge: bytes) -> Exchange:
    """Send the password; the table of plugins says over what."""
    yield attempt.password + b"\0"
