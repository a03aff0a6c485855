"""Instants as text of one width, so that their order as text is their order in time."""

from datetime import UTC, datetime

__all__ = ["from_text", "to_text"]


def to_text(at: datetime) -> str:
    """An aware instant as ``2026-11-21T10:02:11.000000+00:00``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """The instant that `to_text` wrote."""
    return datetime.fromisoformat(text)
