"""Puts the families of commands together; every surface is given the result."""

from collections.abc import Callable
from datetime import datetime

from bots.admin_commands import AdminCommands
from bots.agent_commands import AgentCommands
from bots.allowance_commands import AllowanceCommands
from bots.allowances import Allowances, Configured
from bots.approving import Turns
from bots.card_commands import CardCommands
from bots.commands import CommandFamily, Commands
from bots.conversation_commands import ConversationCommands, StatusInfo
from bots.correcting_commands import CorrectingCommands
from bots.history_commands import HistoryCommands
from bots.learning_commands import LearningCommands
from bots.link_commands import LinkCommands
from bots.memory_commands import MemoryCommands
from bots.message_commands import MessageCommands
from bots.own_memory import OwnMemory
from bots.place_commands import PlaceCommands
from bots.places import Places
from bots.pressure_commands import PressureCommands
from bots.receipt_commands import ReceiptCommands
from bots.rights import Rights
from bots.suggesting import Suggesting
from engine.store import Store


def build_commands(
    *,
    store: Store,
    inbox: Turns,
    admins: frozenset[str],
    now: Callable[[], datetime],
    info: StatusInfo,
    allowances: Allowances | None = None,
) -> Commands:
    """All commands of the table, working on one memory."""
    allowances = allowances or Allowances(Places(), Configured())
    places, rights = allowances.places, Rights(admins, allowances)
    memory = OwnMemory(store, rights)
    families: tuple[CommandFamily, ...] = (
        ConversationCommands(store=store, inbox=inbox, rights=rights, now=now, info=info),
        MemoryCommands(store, memory, inbox, places, now),
        CorrectingCommands(store, memory, inbox, now),
        HistoryCommands(store, memory, now),
        CardCommands(store, now),
        LinkCommands(store, places, now),
        LearningCommands(store, rights, now),
        MessageCommands(store, inbox, rights, now),
        PressureCommands(inbox),
        ReceiptCommands(store=store, inbox=inbox, rights=rights, now=now),
        *_admin_families(store, rights, now),
    )
    return Commands(
        families, rights, Suggesting(store, memory, now, allowances.configured.personas), store, now
    )


def build_admin_commands(
    store: Store, admins: frozenset[str], now: Callable[[], datetime], allowances: Allowances
) -> Commands:
    """The commands of admins alone, which need no running bot."""
    rights = Rights(admins, allowances)
    suggesting = Suggesting(store, OwnMemory(store, rights), now)
    return Commands(_admin_families(store, rights, now), rights, suggesting, store, now)


def _admin_families(
    store: Store, rights: Rights, now: Callable[[], datetime]
) -> tuple[CommandFamily, ...]:
    allowances = rights.allowances
    return (
        AgentCommands(store, rights, now),
        PlaceCommands(store, allowances.places, allowances.configured.personas, now),
        AdminCommands(store=store, rights=rights, now=now, allowances=allowances),
        AllowanceCommands(store=store, rights=rights, now=now, allowances=allowances),
    )
