"""Words of a text for the demonstration brain: content words, stems and a few groups of meaning."""

import re
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_STOP: Final = frozenset(
    """a about after again all also am an and any are as at be because been before being but by can
    could did do does doing don't down during each else ever few for from further get give got had
    has have having he her here hers him his how i i'd i'll i'm i've if in into is it it's its just
    know let like me mentioned mine more most my myself name no nor not now of off on once one only
    or other our ours out over own please remind remember said same say says she should so some
    such talk talked tell than that that's the their them then there these they thing things this
    those through to told too under until up us very was we were what what's when where where's
    which while who who's whom whose why will with would yes yet you your yours kind type sort time
    day year month week date much many long old""".split()  # noqa: SIM905 - a page of quotes
)
# Words that ask for the same thing; a question about one finds a line about another.
_GROUPS: Final = (
    "job work works working profession occupation employed career",
    "live lives living home city town moved address",
    "instrument cello violin viola piano guitar drums flute trumpet saxophone bass clarinet harp",
    "pet dog cat rabbit hamster parrot puppy kitten",
    "partner wife husband spouse married girlfriend boyfriend fiance",
    "favourite favorite prefer love enjoy hobby",
    "birthday born age",
    "eat food allergic allergy vegan vegetarian",
    "language speak speaks fluent",
    "study studies studying university college degree student",
)
_SUFFIXES: Final = ("ing", "ies", "ed", "es", "s", "e", "y")
_SHORTEST_STEM_CHARS: Final = 3


def stem(word: str) -> str:
    """A crude stem: enough to match play, plays, played and playing."""
    word = word.lower().replace("’", "'").removesuffix("'s").removesuffix("'")
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM_CHARS:
            return word.removesuffix(suffix)
    return word


_GROUP_OF: Final = {
    stem(word): f"group {number}" for number, words in enumerate(_GROUPS) for word in words.split()
}


def words(text: str) -> list[str]:
    """The words of a text as they stand."""
    return _WORD.findall(text)


def stems(text: str) -> set[str]:
    """Stems of the content words."""
    return {stem(word) for word in words(text) if word.lower().replace("’", "'") not in _STOP}


def meanings(text: str) -> set[str]:
    """Stems and the groups they belong to."""
    found = stems(text)
    return found | {_GROUP_OF[item] for item in found if item in _GROUP_OF}
