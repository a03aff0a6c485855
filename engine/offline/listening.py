"""What a message tells, asks or wants kept: pure rules over English sentences.

In other languages only questions (by their mark) and the search for them work.
"""

import re
from dataclasses import dataclass
from typing import Final

from engine.offline.words import words

_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]*")
_NAME: Final = re.compile(
    r"\b(?:(?i:my name is|my name's|call me|name:)\s+([^\W\d_][\w'’-]*)"
    r"|(?i:i'm|i’m|i am|this is)\s+([A-Z][\w'’-]*)(?=\s*(?:$|[,.!?;]|and\b|from\b|here\b)))"
)
# "I'm German" tells something else than a name.
_NOT_NAMES: Final = frozenset(
    """african american asian australian austrian belgian brazilian british buddhist canadian
    catholic chinese christian czech danish dutch egyptian english european finnish french german
    greek hindu hungarian indian irish israeli italian japanese jewish korean latin mexican muslim
    nigerian norwegian not ok okay persian polish portuguese romanian russian scottish so sorry
    spanish swedish swiss thai turkish ukrainian vegan vietnamese welsh""".split()  # noqa: SIM905 - reads as words
)
_GREETING: Final = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening))(?: there| membot| all)?\b"
    r"[\s,.!:-]*)+",
    re.IGNORECASE,
)
_KEEP: Final = re.compile(
    r"\b(?:remember|don't forget|do not forget|keep in mind|note|make a note)"
    r"(?:\s+(?:that|this|down)\b|\s*:)\s*:?\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_TELLS: Final = re.compile(
    r"^(?:i(?:'m|’m| am| was| have| had|'ve|’ve)\b|i (?:also |really |now |just |still |used to |"
    r"no longer |don't |do not |usually |always |never )*(?:play|work|live|love|like|hate|prefer|"
    r"enjoy|study|studied|speak|own|drive|teach|collect|come|came|moved|grew|graduated|married|"
    r"eat|drink|need|want|plan|run|write|wrote|paint|cook|got|bought|adopted|started|quit|lost|"
    r"met|joined|use)\b|my (?!god\b|goodness\b|bad\b|pleasure\b)\w+|we (?:live|have|moved|are)\b)",
    re.IGNORECASE,
)
_FLEETING: Final = re.compile(
    r"^i(?:'m|’m| am) (?:fine|good|great|well|ok|okay|here|back|sure|sorry|afraid|done|glad|happy "
    r"to|so glad|not sure|ready|listening|just (?:kidding|saying|asking|wondering))\b"
    r"|^i have (?:no idea|a question)|^i(?:'d| would) like to know",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(
    r"^(?:(?:and|so|but|then|ok|okay|well|please|also|membot)[\s,]+)*"
    r"(?:what|who|whom|whose|when|where|which|why|how|do|does|did|is|are|was|were|has|have you|"
    r"can you|could you|would you|will you|tell me|remind me|search|look up|find)\b",
    re.IGNORECASE,
)
_ORDERED: Final = re.compile(r"^(?:please )?(?:do|have you|is|are|was|were|has)\b", re.IGNORECASE)
_SMALL_TALK: Final = re.compile(
    r"\b(?:how are you|how're you|how is it going|how's it going|what's up|how do you do)\b",
    re.IGNORECASE,
)
_ABOUT_BOT: Final = re.compile(
    r"\b(?:who are you|what are you|what can you do|are you (?:an? )?(?:ai|bot|robot|human|real))\b"
    r"|^\W*help\W*$",
    re.IGNORECASE,
)
_THANKS: Final = re.compile(r"^\W*(?:thanks|thank you|thx|cheers)\b[^?]*$", re.IGNORECASE)
_FORGET: Final = re.compile(
    r"^(?:please )?forget (?:that |about )?(.+?)[.!]*$", re.IGNORECASE | re.DOTALL
)
_LEAST_WORDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a message amounts to.

    Attributes:
        name: What the speaker says they are called.
        facts: The speaker's own sentences about themselves.
        keep: What they ask to have remembered, in their words.
        question: The sentences that ask, or "".
        talk: A question that memory does not answer: ``about``, ``small`` or ``thanks``.
        forget: What they ask to have forgotten.
    """

    name: str = ""
    facts: tuple[str, ...] = ()
    keep: str = ""
    question: str = ""
    talk: str = ""
    forget: str = ""
    greets: bool = False


def listen(text: str) -> Heard:
    """Sort a message into what it tells, asks and wants kept."""
    plain = _GREETING.sub("", text.strip())
    greets = plain != text.strip()
    if _ABOUT_BOT.search(plain):
        return Heard(talk="about", greets=greets)
    if _SMALL_TALK.search(plain):
        return Heard(talk="small", greets=greets)
    if _THANKS.match(plain):
        return Heard(talk="thanks", greets=greets)
    if forget := _FORGET.match(plain):
        return Heard(forget=forget[1].strip(), greets=greets)
    sentences = [item.strip() for item in _SENTENCE.findall(plain) if item.strip()]
    asking = [item for item in sentences if _is_question(item)]
    telling = [item for item in sentences if item not in asking]
    kept = _KEEP.search(" ".join(telling))
    name, rest = _name_and_rest(telling)
    return Heard(
        name=name,
        facts=() if kept else tuple(filter(_is_fact, rest)),
        keep=kept[1].strip() if kept else "",
        question=" ".join(asking),
        greets=greets,
    )


def _is_question(sentence: str) -> bool:
    if sentence.endswith("?"):
        return True
    # Without a mark, "is it" asks and "is" alone may not; "do remember" asks for nothing.
    return (
        bool(_ASKS.match(sentence))
        and not _ORDERED.match(sentence)
        and "remember" not in (sentence.lower().split()[:3])
    )


def _name_and_rest(sentences: list[str]) -> tuple[str, list[str]]:
    """The name that is told, and the clauses beside it."""
    name, rest = "", []
    for sentence in sentences:
        found = _NAME.search(sentence)
        told = (found[1] or found[2]) if found else ""
        if found and told.lower() not in _NOT_NAMES:
            name = told.rstrip("'’-")
            name = name[:1].upper() + name[1:]
            sentence = sentence[found.end() :]  # noqa: PLW2901 - what is left of it
        rest.append(re.sub(r"^[\s,;.!-]*(?:and\b)?\s*", "", sentence).strip())
    return name, rest


def _is_fact(clause: str) -> bool:
    long_enough = len(words(clause)) >= _LEAST_WORDS
    return bool(long_enough and _TELLS.match(clause) and not _FLEETING.match(clause))
