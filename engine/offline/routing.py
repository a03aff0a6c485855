"""What a sentence that no rule understands amounts to, by meaning: nearest of a few examples.

Needs an embedder; without one, or while it loads, the rules stand alone.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from engine.offline.listening import Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embed = Callable[[str], Awaitable[NDArray[np.float32] | None]]

Intent = Literal["tells", "asks", "chats"]

_EXAMPLES: Final[tuple[tuple[Intent, str], ...]] = (
    ("tells", "Since last spring I have been employed at the harbour."),
    ("tells", "Gardening is my favourite pastime."),
    ("tells", "The two of us got married in June."),
    ("tells", "Peanuts make me ill."),
    ("asks", "Show me everything about the meeting with the supplier."),
    ("asks", "I'd like to hear again where the key is kept."),
    ("asks", "Let me know which colour was chosen."),
    ("chats", "Sounds good to me."),
    ("chats", "Ha, that is funny."),
    ("chats", "Let's get started then."),
    ("chats", "See you tomorrow, have a nice evening."),
)
_LEAST_COSINE: Final = 0.3  # below it a sentence is like none of the examples


class MeaningRouter:
    """Sorts what rules cannot, by the nearest example.

    Args:
        embed: Vector of length 1 of a text, or None at once while the model loads.
    """

    def __init__(self, embed: "Embed") -> None:
        self._embed = embed
        self._examples: list[NDArray[np.float32]] = []

    async def refine(self, text: str, heard: Heard) -> Heard:
        """What was heard, with a sentence that said nothing to the rules sorted by meaning."""
        if heard != Heard(greets=heard.greets) or not text.strip():
            return heard
        match await self._intent(text):
            case "tells":
                return replace(heard, facts=(text.strip(),))
            case "asks":
                return replace(heard, question=text.strip())
        return heard

    async def _intent(self, text: str) -> Intent:
        vector = await self._embed(text)
        if vector is None or not await self._learn():
            return "chats"
        cosines = [float(example @ vector) for example in self._examples]
        best = max(range(len(cosines)), key=cosines.__getitem__)
        return _EXAMPLES[best][0] if cosines[best] >= _LEAST_COSINE else "chats"

    async def _learn(self) -> bool:
        """Embed the examples once; False while the model is not there."""
        for _, example in _EXAMPLES[len(self._examples) :]:
            vector = await self._embed(example)
            if vector is None:
                return False
            self._examples.append(vector)
        return True
