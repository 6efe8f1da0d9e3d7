"""The connection that ends a statement of another one; what it does there is `core.cancel`'s business."""

from __future__ import annotations

from ...core.cancel import Fate
from ...core.cancel import kill_query as kill
from ..cancel import aim, ports
from .link import Link


async def kill_query(link: Link, deadline: float) -> str:
    """End the statement that runs on `link`; see `io.cancel.kill_query`."""
    names, greeting = link.names(), link.core.session.greeting
    if names is None or greeting is None or link.core.user_changed:
        return Fate.NOTHING
    side = Link(link.core.options.for_cancelling(link.core.password), warns=False)
    try:
        await side.log_in(aim(link.endpoint, names), deadline, "cancel_grace")
        operation = kill(side.core, greeting.connection_id, ports(names, side.names()))
        return await side.run(operation, deadline, "cancel_grace")
    finally:
        side.drop()
