"""Drivers: the only place with sockets, deadlines, threads and locks."""
