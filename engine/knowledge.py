"""Intuitive knowledge: reference text that an operator ships, and who may find it; pure.

Each table ``[knowledge.NAME]`` is an owner of passages like an agent, with documents and nothing
else. Who may read it is decided here from the settings; no tool argument names an owner.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.places import EVERYWHERE, agent_scope, matches
from engine.records import Scope

_TENANT = "knowledge:local"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSource:
    """One table of the settings.

    Attributes:
        path: A file, or a folder with all below it.
        places: Keys of agents that find it, as patterns.
    """

    name: str
    path: Path
    places: tuple[str, ...] = EVERYWHERE

    @property
    def owner(self) -> str:
        """The key its passages are kept under."""
        return f"{_TENANT}/{self.name}"


def readable_owners(scope: Scope, sources: Iterable[KnowledgeSource]) -> tuple[str, ...]:
    """Owners of the knowledge that a scope's agent finds."""
    return tuple(source.owner for source in sources if matches(scope.agent_id, source.places))


def knowledge_name(owner: str) -> str:
    """``handbook`` for an owner of knowledge, "" for an agent."""
    tenant, _, name = owner.partition("/")
    return name if tenant == _TENANT else ""


def owner_scope(owner: str) -> Scope:
    """The scope in which an owner of knowledge is read and written.

    Raises:
        ValueError: The key is an agent's, whose memory nobody else reads.
    """
    if not knowledge_name(owner):
        raise ValueError(f"{owner} is no owner of knowledge")
    return agent_scope(owner)
