"""Chat platforms and the command line around the engine."""
