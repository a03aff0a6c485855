"""The part of the store that erases, copies out and reads in whole memories."""

__all__ = ["Keeping"]


class Keeping:
    """Reset, forget, export and import."""
