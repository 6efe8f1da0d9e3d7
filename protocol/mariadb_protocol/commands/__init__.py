"""Commands as generators, one file per command or family."""
