"""What a connection, a cursor and a pool decide, without I/O, clocks or locks."""
