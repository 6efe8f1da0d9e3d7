"""Types of server-side cursors, for the keyword cursor_type."""

from __future__ import annotations

NONE = 0
READ_ONLY = 1
