"""Which places a setting holds for, and the scope that looks at one; pure.

A place is named by its agent's key, such as ``slack:T1/channel/C2`` or ``discord:*/user/222``; a
thread follows its channel, and so does an agent of one person in it. In a pattern ``*`` stands for
any text.
"""

import re
from collections.abc import Iterable, Sequence

from engine.records import Audience, Scope

EVERYWHERE = ("*",)


def matches(agent_id: str, patterns: Iterable[str]) -> bool:
    """Whether any of the patterns names the agent's place."""
    return any(_fits(agent_id, pattern) for pattern in patterns)


def most_specific(agent_id: str, patterns: Sequence[str]) -> str | None:
    """The pattern that says most about the agent's place, the first of equals; None without one.

    The more characters a pattern spells out, the more it says: a channel wins over its server, a
    server over its platform.
    """
    fitting = [pattern for pattern in patterns if _fits(agent_id, pattern)]
    return max(fitting, key=lambda pattern: len(pattern.replace("*", "")), default=None)


def agent_scope(agent_id: str) -> Scope:
    """The scope in which an agent is looked at from outside: its main conversation."""
    return Scope(
        tenant=agent_id.split("/", 1)[0],
        agent_id=agent_id,
        conversation_id=f"{agent_id}/main",
        speaker=None,
        audience=audience_of(agent_id),
    )


def audience_of(agent_id: str) -> Audience:
    """Who reads what an agent says: one person, or a room, also when it remembers one person."""
    private = "/user/" in agent_id and "/channel/" not in agent_id
    return "private" if private else "room"


def _fits(agent_id: str, pattern: str) -> bool:
    spelled = ".*".join(map(re.escape, pattern.split("*")))
    room = agent_id.partition("/user/")[0] if audience_of(agent_id) == "room" else agent_id
    return any(re.fullmatch(spelled, place) for place in (agent_id, room))
