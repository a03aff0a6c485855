"""The engine's rig, for scenarios that are driven through the dispatcher."""

from tests.engine.conftest import memory, rig

__all__ = ["memory", "rig"]
