"""Who is let in and how much they may use: what the operator configured, changed in chat.

A tenant's settings stand at the place ``<tenant>/*``, those of a person at ``<tenant>/user/<id>``
and of a role at ``<tenant>/role/<id>``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bots.costs import Price
from bots.places import Places
from engine.budgets import LIMITS, PAYERS, Budgets
from engine.records import IncomingEvent, Scope
from engine.turn_log import HEARTBEAT

ACCESS, RECALL_DAYS, EVERYONE = "access", "recall_days", "everyone"
ALLOW, DENY, UNLIMITED = "allow", "deny", "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What the operator's configuration says of such things.

    Attributes:
        prices: Of models, by name.
        personas: Texts of personas, by name.
        backups: The folder of backups.
        recall_days: How long what was said is kept; 0 for ever.
    """

    prices: Mapping[str, Price] = field(default_factory=dict)
    personas: Mapping[str, str] = field(default_factory=dict)
    backups: Path = Path("backups")
    budgets: Budgets = field(default_factory=Budgets)
    recall_days: int = 400


def everywhere_in(tenant: str) -> str:
    """The place at which a tenant's own settings stand."""
    return f"{tenant}/*"


def budget_setting(payer: str, limit: str) -> str:
    """The name of a setting, e.g. ``budget.person.tokens_per_day``."""
    return f"budget.{payer}.{limit}"


class Allowances:
    """What holds now; answers without waiting.

    Attributes:
        places: What was set in chat.
        configured: What holds where nothing was.
    """

    def __init__(self, places: Places, configured: Configured) -> None:
        self.places = places
        self.configured = configured

    def budgets(self, scope: Scope) -> Budgets:
        """The budgets of who pays for a turn of the scope."""
        budgets, where = self.configured.budgets, everywhere_in(scope.tenant)
        for payer in PAYERS:
            for limit in LIMITS:
                if typed := self.places.value(budget_setting(payer, limit), where):
                    most = None if typed == UNLIMITED else int(typed)
                    changed = replace(getattr(budgets, payer), **{limit: most})
                    budgets = replace(budgets, **{payer: changed})
        return budgets

    def recall_days(self, tenant: str) -> int:
        """How long what was said in a tenant is kept; 0 for ever."""
        typed = self.places.value(RECALL_DAYS, everywhere_in(tenant))
        return int(typed) if typed else self.configured.recall_days

    def admits(self, event: IncomingEvent) -> bool:
        """Whether what a person says, or a heartbeat, is for the bot at all."""
        if event.kind == HEARTBEAT:
            mode = self.places.value("mode", event.scope.agent_id)
            return event.scope.audience == "private" or mode != "off"
        return not self.shut_out(event.scope.speaker, event.roles)

    def shut_out(self, principal: str | None, roles: Sequence[str]) -> bool:
        """Whether admins keep a person out: what is set for them counts most, then their roles.

        An allowed role lets in whom another one, or the denial of everyone, would keep out.
        """
        if principal is None:
            return False
        tenant, _, user = principal.partition("/")
        if own := self.places.value(ACCESS, f"{tenant}/user/{user}"):
            return own == DENY
        theirs = {self.places.value(ACCESS, f"{tenant}/role/{role}") for role in roles}
        if ALLOW in theirs:
            return False
        return DENY in {*theirs, self.places.value(ACCESS, f"{tenant}/role/{EVERYONE}")}
