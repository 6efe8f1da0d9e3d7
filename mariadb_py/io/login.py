"""What a driver brings to a login: the switch to TLS, facts about this process, a warning to its user."""

from __future__ import annotations

from ..exceptions import SecurityWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..core.endpoint import Endpoint
    from ..core.security import Plan
    from .tls import Upgrade


def upgrade_to(endpoint: Endpoint, chosen: Plan) -> Upgrade:
    """The switch to TLS of a connection to `endpoint`."""
    from .tls import Upgrade  # loads ssl, which is not cheap

    return Upgrade(chosen, str(endpoint), endpoint.host)


def attributes(endpoint: Endpoint) -> dict[str, str]:
    """Connection attributes that tell the server's administrator who we are."""
    import os
    import sys

    from .. import __version__

    found: dict[str, Any] = {
        "_client_name": "mariadb_py",
        "_client_version": __version__,
        "_server_host": endpoint.host,
        "_os": sys.platform,
        "_pid": os.getpid(),
        "_python_version": "{}.{}.{}".format(*sys.version_info[:3]),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def warn(message: str) -> None:
    """A SecurityWarning at the place where the user's program called the driver."""
    import sys
    import warnings

    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("mariadb_py"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, SecurityWarning, stacklevel=level)
