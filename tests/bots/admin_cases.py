"""What an operator says in a room, and a part of what is answered; the same on every surface."""

from bots.allowances import Allowances, Configured
from bots.command_families import build_commands
from bots.conversation_commands import StatusInfo
from bots.places import Places

CASES = (
    ("agent deny user 222", "User 222 is shut out"),
    ("agent allow user 222", "User 222 is let in."),
    ("agent budget person tokens_per_day 5000", "5,000 tokens a day"),
    ("agent retention", "400 days"),
    ("agent usage", "Nothing was used in the last 30 days."),
    ("agent audit", "place.access"),
    ("agent backup", "and verified."),
    ("agent doctor", "database:"),
    ("agent reset room", "I remember nothing here yet"),
    ("memory remember Tea is at four.", "I keep that as a note"),
    ("agent reset room", "I will wipe everything"),
)


def real_commands(memory, folder, operators):
    """The whole command layer on a real store."""
    return build_commands(
        store=memory.store,
        inbox=None,
        admins=operators,
        now=memory.clock,
        info=StatusInfo(model="m", is_demonstration=False, context_tokens=1000, version="0"),
        allowances=Allowances(Places(), Configured(backups=folder / "backups")),
    )
