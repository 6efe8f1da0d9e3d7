"""Fuzzing of the protocol layer: any bytes from a server give an answer or a ProtocolError, and nothing else."""
