"""The connection that ends a statement of another one; what it does there is `core.cancel`'s business."""

from __future__ import annotations

from ..core.cancel import Fate
from ..core.cancel import kill_query as kill
from ..core.endpoint import Endpoint
from .link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .transport import Names


def kill_query(link: Link, deadline: float) -> str:
    """End the statement that runs on `link`.

    Args:
        link: the connection; its user's thread is here, so nobody else uses it.
        deadline: monotonic time by which it must be done.

    Returns:
        One of `core.cancel.Fate`.

    Raises:
        Error: the server cannot be asked.
    """
    names, greeting = link.names(), link.core.session.greeting
    if names is None or greeting is None or link.core.user_changed:
        return Fate.NOTHING
    side = Link(link.core.options.for_cancelling(link.core.password), warns=False)
    try:
        side.log_in(aim(link.endpoint, names), deadline, "cancel_grace")
        operation = kill(side.core, greeting.connection_id, ports(names, side.names()))
        return side.run(operation, deadline, "cancel_grace")
    finally:
        side.close()


def aim(endpoint: Endpoint, names: Names) -> Endpoint:
    """The very address that a connection leads to."""
    same = Endpoint(endpoint.host, endpoint.port, endpoint.path)
    same.address = names.family, names.peer
    return same


def ports(names: Names, own: Names | None) -> tuple[int, int] | None:
    """Our TCP ports of two connections (0: unknown); None on a unix socket, where addresses are no tuples."""
    if not isinstance(names.own, tuple):
        return None
    return names.own[1], own.own[1] if own is not None else 0
