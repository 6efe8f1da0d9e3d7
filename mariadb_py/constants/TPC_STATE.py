"""States of a distributed transaction, as in `Connection.tpc_state`."""

from __future__ import annotations

NONE = 0
XID = 1
PREPARE = 2
