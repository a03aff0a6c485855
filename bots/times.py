"""How times stand in what people read: to the minute, with the zone they are meant in."""

__all__ = ["MINUTE"]

MINUTE = "%Y-%m-%d %H:%M %Z"
