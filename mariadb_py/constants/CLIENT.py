"""Capability flags under the name that the keyword client_flag is documented with; the same as `CAPABILITY`."""

from __future__ import annotations

from .CAPABILITY import *  # noqa: F403  # all its names, and a star is what re-exports names to type checkers
