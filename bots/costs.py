"""What tokens have cost, by the prices of ``membot.toml``; pure."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from engine.oversight import UsageRow

_TOKENS_PRICED = 1_000_000


class Price(Protocol):
    """Currency per million tokens of one model."""

    input: float
    cached_input: float
    output: float


def cost_of(row: UsageRow, prices: Mapping[str, Price]) -> float | None:
    """What a row has cost; None when its model has no price."""
    price = prices.get(row.model)
    if price is None:
        return None
    fresh = row.input_tokens - row.cached_tokens
    spent = fresh * price.input + row.cached_tokens * price.cached_input
    return (spent + row.output_tokens * price.output) / _TOKENS_PRICED


def total_cost(rows: Iterable[UsageRow], prices: Mapping[str, Price]) -> float | None:
    """What all priced rows have cost; None when there are none."""
    costs = [cost for row in rows if (cost := cost_of(row, prices)) is not None]
    return sum(costs) if costs else None


def cost_text(cost: float | None) -> str:
    """A cost for people; a dash where there is no price."""
    return "-" if cost is None else f"{cost:.4f}"
