"""The agent engine: memory, turns and tools; knows no chat platform and no SQL."""
