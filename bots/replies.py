"""Cuts Markdown into parts that a platform takes, and takes the sting out of mass pings; pure.

Knows no platform: the limit is an argument. Lengths are UTF-16 code units, which is never less
than what a platform counts.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

MIN_LIMIT = 200
MOST_PARTS = 5  # over that, people get the first part and a file
WHOLE_REPLY = "answer.md"
IN_THE_FILE = f"\n\n*The whole answer is in {WHOLE_REPLY}.*"
_OPENER = re.compile(
    r"^[ \t]{0,12}(?P<marker>`{3,16}|~{3,16})(?P<info>[^`\n]{0,60})$", re.MULTILINE
)
_UNBROKEN = re.compile(
    r"!?\[[^\]\n]{0,300}\]\([^)\s]{0,1500}\)"  # [label](address)
    r"|https?://[^\s<>]{1,1500}"
    r"|<[^<>\s]{1,200}>"  # <@mention>, <https://address>
    r"|`[^`\n]{1,300}`"
)
_PARAGRAPH = re.compile(r"\n(?:[ \t]*\n)+")
_TOP_LINE = re.compile(r"\n(?=\S)")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]*_]{0,4}\s+|[。！？]")
_WORD = re.compile(r"\s+")
# How full a part has to be for a cut of this kind: better a line end than a tiny paragraph.
_LEVELS = ((_PARAGRAPH, 0.3), (_TOP_LINE, 0.3), (_LINE, 0.2), (_SENTENCE, 0.2), (_WORD, 0.0))
_IN_CODE = (_LINE, _WORD)
_JOINERS = "\u200d\ufe0e\ufe0f\u20e3"
_MASS_PING = re.compile(r"@(?=everyone\b|here\b)|<(?=@&\d|!(?:channel|here|everyone|subteam))")


def split_markdown(text: str, limit: int) -> list[str]:
    """Cut Markdown where people would: paragraphs, then lines, sentences, words.

    A code fence that a cut goes through is closed and opened again with its language. Links,
    mentions, inline code and emoji stay whole unless one alone is longer than the limit. Only
    white space at a cut is dropped.

    Args:
        text: Markdown of any length.
        limit: Most UTF-16 code units of a part, at least 200.

    Returns:
        Parts in order, none empty; no part when there is nothing to see.
    """
    if limit < MIN_LIMIT:
        raise ValueError(f"A part must have room for {MIN_LIMIT} characters, not {limit}.")
    if _size(text) <= limit:
        return [text] if text.strip() else []
    return [part for part in _Cutter(text, limit).parts() if part.strip()]


def without_mass_pings(text: str) -> str:
    """The same text, readable, but no platform finds a word in it that calls everybody."""
    return _MASS_PING.sub(lambda found: found.group() + "\u200b", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fence:
    """A code block by positions: its first line, its code, its last line, and what follows."""

    start: int
    code: int
    end: int
    after: int
    reopen: str
    close: str

    def goes_through(self, cut: int) -> bool:
        return self.start < cut < self.after


class _Cutter:
    def __init__(self, text: str, limit: int) -> None:
        self._text = text
        self._limit = limit
        self._fences = list(_fences_of(text))
        self._starts = [fence.start for fence in self._fences]
        self._unbroken = [found.span() for found in _UNBROKEN.finditer(text)]
        self._unbroken_starts = [start for start, _ in self._unbroken]

    def parts(self) -> Iterator[str]:
        start = 0
        while start < len(self._text):
            cut = self._next_cut(start)
            yield self._part(start, cut)
            start = self._resume(cut)

    def _next_cut(self, start: int) -> int:
        whole = len(self._text)
        end = _reach(self._text, start, self._limit)
        if end == whole and self._fits(start, whole):
            return whole
        for level, least_full in _LEVELS:
            cut = self._last_fitting(start, end, level)
            if cut is not None and cut - start >= least_full * (end - start):
                return cut
        return self._forced_cut(start, end)

    def _last_fitting(self, start: int, end: int, level: re.Pattern[str]) -> int | None:
        cuts = [found.end() for found in level.finditer(self._text, start, end)]
        for cut in reversed(cuts):
            if start < cut <= end and self._allowed(cut, level) and self._fits(start, cut):
                return cut
        return None

    def _allowed(self, cut: int, level: re.Pattern[str]) -> bool:
        fence = self._fence_at(cut)
        if fence is not None:
            return level in _IN_CODE and fence.code < cut <= fence.end
        return not self._breaks_unit(cut)

    def _forced_cut(self, start: int, end: int) -> int:
        cuts = range(end, start, -1)
        clusters = (cut for cut in cuts if not _breaks_cluster(self._text, cut))
        units = (cut for cut in cuts if not self._breaks_unit(cut))
        kind = (cut for cut in units if not _breaks_cluster(self._text, cut))
        for candidates in (kind, clusters, iter(cuts)):
            cut = next((cut for cut in candidates if self._fits(start, cut)), None)
            if cut is not None:
                return cut
        return end

    def _breaks_unit(self, cut: int) -> bool:
        at = bisect_right(self._unbroken_starts, cut - 1) - 1
        return at >= 0 and cut < self._unbroken[at][1]

    def _fence_at(self, cut: int) -> _Fence | None:
        at = bisect_right(self._starts, cut - 1) - 1
        if at >= 0 and self._fences[at].goes_through(cut):
            return self._fences[at]
        return None

    def _fits(self, start: int, cut: int) -> bool:
        return _size(self._part(start, cut)) <= self._limit

    def _part(self, start: int, cut: int) -> str:
        opened, closed = self._fence_at(start), self._fence_at(cut)
        prefix = opened.reopen + "\n" if opened else ""
        chunk = self._text[start:cut]
        if closed is None:
            return prefix + chunk.rstrip()
        return prefix + chunk.removesuffix("\n") + "\n" + closed.close

    def _resume(self, cut: int) -> int:
        fence = self._fence_at(cut)
        if fence is not None and cut < fence.end:
            return cut
        after = fence.after if fence is not None else cut
        while after < len(self._text) and self._text[after] in "\r\n":
            after += 1
        return min(after, len(self._text))


def _fences_of(text: str) -> Iterator[_Fence]:
    at = 0
    while opener := _OPENER.search(text, at):
        marker = opener["marker"]
        code = min(opener.end() + 1, len(text))
        closing = re.compile(
            rf"^[ \t]{{0,12}}{marker[0]}{{{len(marker)},20}}[ \t]{{0,12}}$", re.MULTILINE
        ).search(text, code)
        # The end of an unclosed fence lies beyond the text, so that a last part is closed too.
        end, at = closing.span() if closing else (len(text) + 1, len(text) + 1)
        language = opener["info"].split()[:1]
        yield _Fence(
            start=opener.start(),
            code=code,
            end=end,
            after=at,
            reopen=marker + "".join(language),
            close=marker,
        )
        if closing is None:
            return


def _size(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def _reach(text: str, start: int, units: int) -> int:
    """The furthest position that leaves at most so many units behind."""
    end = min(len(text), start + units)
    while _size(text[start:end]) > units:
        end -= max(1, (_size(text[start:end]) - units) // 2)
    return end


def _breaks_cluster(text: str, cut: int) -> bool:
    """Whether a cut would go through what people see as one character."""
    if not 0 < cut < len(text):
        return False
    before, after = text[cut - 1], text[cut]
    if after in _JOINERS or before == "\u200d" or unicodedata.category(after)[0] == "M":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\udc00" <= after <= "\udfff":
        return True
    return _is_flag_half(after) and _flag_halves_before(text, cut) % 2 == 1


def _flag_halves_before(text: str, cut: int) -> int:
    count = 0
    while count < cut and _is_flag_half(text[cut - 1 - count]):
        count += 1
    return count


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
