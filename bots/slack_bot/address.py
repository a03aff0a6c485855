"""Where a reply goes, and how a Slack message is named; pure."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The adapter's own part of an event, carried to its replies.

    Attributes:
        thread_ts: Thread the reply goes to; None answers at the top level.
        message_ts: The message that is answered.
    """

    channel: str
    thread_ts: str | None
    message_ts: str
    team: str
    user: str

    @property
    def session(self) -> tuple[str, str]:
        """Channel and root message whose status line shows the work."""
        return self.channel, self.thread_ts or self.message_ts

    def to_json(self) -> str:
        """The text that travels with the turn."""
        return json.dumps(asdict(self))


def address_from(text: str) -> Address:
    """Read what ``Address.to_json`` wrote."""
    return Address(**json.loads(text))


def source_key(team: str, channel: str, ts: str) -> str:
    """Key of a message; ``ts`` alone is unique only within its channel."""
    return f"slack:{team}/{channel}/{ts}"


def where(reference: str) -> dict[str, str]:
    """A message of ours by its ``channel/ts``, as Slack's methods name it."""
    channel, _, ts = reference.partition("/")
    return {"channel": channel, "ts": ts}
