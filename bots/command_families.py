"""Puts the families of commands together; every surface is given the result."""

from collections.abc import Callable
from datetime import datetime

from bots.admin_commands import AdminCommands, Configured
from bots.agent_commands import AgentCommands
from bots.approving import Turns
from bots.commands import Commands
from bots.conversation_commands import ConversationCommands, StatusInfo
from bots.memory_commands import MemoryCommands
from bots.receipt_commands import ReceiptCommands
from bots.rights import Rights
from engine.store import Store


def build_commands(
    *,
    store: Store,
    inbox: Turns,
    admins: frozenset[str],
    now: Callable[[], datetime],
    info: StatusInfo,
    configured: Configured,
) -> Commands:
    """All commands of the table, working on one memory."""
    rights = Rights(admins)
    families = (
        ConversationCommands(store=store, inbox=inbox, rights=rights, now=now, info=info),
        MemoryCommands(store, inbox, now),
        ReceiptCommands(store=store, inbox=inbox, rights=rights, now=now),
        AgentCommands(store, rights, now),
        AdminCommands(store=store, rights=rights, now=now, configured=configured),
    )
    return Commands(families, rights)
