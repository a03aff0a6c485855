"""What a check has found out."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "failed"]
_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found out about one thing.

    Attributes:
        fix: What to do about it; empty when there is nothing to do.
    """

    name: str
    state: State
    detail: str
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether something needed does not work."""
        return self.state == "failed"


def least_privilege(name: str, needed: Collection[str], granted: Collection[str]) -> Check:
    """How near what is granted comes to what is needed; what is missing is another check's line.

    The score is 100 when nothing beyond the needed is granted. Source: ours.
    """
    beyond = sorted(set(granted) - set(needed))
    score = round(100 * len(needed) / (len(needed) + len(beyond)))
    detail = f"least privilege {score} of 100"
    if not beyond:
        return Check(name=name, state="ok", detail=detail)
    shown = ", ".join(beyond[:_SHOWN]) + (
        f" and {len(beyond) - _SHOWN} more" * (len(beyond) > _SHOWN)
    )
    return Check(name=name, state="note", detail=detail, fix=f"Not needed, take it back: {shown}.")


def unreachable(name: str, status: int = 0) -> Check:
    """A platform that gave no answer of use, or none at all."""
    detail = f"no usable answer (HTTP {status})" if status else "cannot be reached"
    return Check(name=name, state="failed", detail=detail, fix="Check the network and the address.")
