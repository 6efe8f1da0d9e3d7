"""What a pool decides, without I/O, clocks or locks; shared by the threaded and the asyncio pool."""
