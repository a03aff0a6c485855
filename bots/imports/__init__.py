"""Reads what other programs exported: one file a format, all yielding portions for the store."""
