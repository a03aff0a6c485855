"""How the terminal shows things: plain lines for pipes, JSON lines for scripts, rich for people.

Standard output carries replies and nothing else; notices go to standard error.
"""

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from engine.answer_files import AnswerFile
from engine.records import OutboxItem

if TYPE_CHECKING:
    from rich.live import Live
    from rich.status import Status

    from engine.turn import TurnResult


_THINKING = "thinking"


class Screen(Protocol):
    """Where replies and notices appear."""

    async def reply(self, item: OutboxItem, part: str) -> None:
        """Show a part of a reply from the outbox."""
        ...

    def expect(self, turn_id: str, speaker: str, agent_id: str) -> None:
        """Say that the replies of this turn answer a line of this process."""
        ...

    def turn_ended(self, result: "TurnResult") -> None:
        """Say that no more replies of the turn will come."""
        ...

    def command_answer(self, command: str, speaker: str, text: str) -> None:
        """Show what a command answered."""
        ...

    def refused(self, speaker: str, sentence: str) -> None:
        """Show why a line did not become a message."""
        ...

    def notice(self, text: str) -> None:
        """Show what is not a reply."""
        ...

    def working(self, active: bool) -> None:
        """Show or end the sign of life."""
        ...

    def preview(self, text: str) -> None:
        """Show the beginning of a reply until something else is shown; "" takes it away."""
        ...

    def progress(self, line: str) -> None:
        """Show how far work is in the sign of life; "" takes it away."""
        ...


def with_file(part: str, file: AnswerFile | None) -> str:
    """A part, and under it the text of its file in a code block that the text cannot end."""
    if file is None:
        return part
    if file.text is None:
        return f"{part}\n\n{file.name}: {len(file.content):,} bytes, which are not shown here."
    text = file.text
    marks = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return f"{part}\n\n{file.name}:\n{marks}\n{text.rstrip()}\n{marks}"


class PlainScreen:
    """For pipes: replies as they are, on what is standard output when it is made."""

    def __init__(self) -> None:
        self._out = sys.stdout

    def _write(self, text: str) -> None:
        """One line, or several, at once."""
        self._out.write(f"{text}\n")
        self._out.flush()

    async def reply(self, item: OutboxItem, part: str) -> None:
        """Show a part of a reply."""
        self._write(with_file(part, item.file))

    def expect(self, turn_id: str, speaker: str, agent_id: str) -> None:
        """Nothing to prepare."""

    def turn_ended(self, result: "TurnResult") -> None:
        """Nothing to finish."""

    def command_answer(self, command: str, speaker: str, text: str) -> None:
        """Answers of commands are replies."""
        self._write(text)

    def refused(self, speaker: str, sentence: str) -> None:
        """A notice."""
        self.notice(sentence)

    def notice(self, text: str) -> None:
        """To standard error."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def working(self, active: bool) -> None:
        """No sign of life in a pipe."""

    def preview(self, text: str) -> None:
        """A pipe gets whole replies."""

    def progress(self, line: str) -> None:
        """And nothing else."""


class JsonScreen(PlainScreen):
    """For scripts: one object a line of input, and one for each reply of an earlier process."""

    def __init__(self) -> None:
        super().__init__()
        self._expected: dict[str, tuple[asyncio.Future[TurnResult], dict[str, Any]]] = {}

    def expect(self, turn_id: str, speaker: str, agent_id: str) -> None:
        """Replies of this turn wait until it has ended, to be shown as one object."""
        future: asyncio.Future[TurnResult] = asyncio.get_running_loop().create_future()
        self._expected[turn_id] = (future, {"user": speaker, "agent_id": agent_id})

    async def reply(self, item: OutboxItem, part: str) -> None:
        """Show the turn's object with its first reply; the others are in it."""
        if item.turn_id not in self._expected:
            files = (item.file,) if item.file else ()
            agent_id = item.scope.agent_id
            self._show(_speaker(item), part, item.turn_id, agent_id, steps=0, files=files)
            return
        future, known = self._expected[item.turn_id]
        result = await asyncio.shield(future)
        if not known.get("shown"):
            known["shown"] = True
            text = "\n".join(result.replies) or part
            agent_id, steps = known["agent_id"], result.steps
            self._show(known["user"], text, item.turn_id, agent_id, steps=steps, files=result.files)

    def turn_ended(self, result: "TurnResult") -> None:
        """Let the replies out; a silent turn is an object with an empty one."""
        future, known = self._expected[result.turn_id]
        if not result.replies:
            known["shown"] = True
            self._show(known["user"], "", result.turn_id, known["agent_id"], steps=result.steps)
        future.set_result(result)

    def command_answer(self, command: str, speaker: str, text: str) -> None:
        """An object with the command's name."""
        answer = {"user": speaker, "reply": text, "turn_id": None, "steps": 0, "agent_id": None}
        self._write(json.dumps({**answer, "command": command}, ensure_ascii=False))

    def refused(self, speaker: str, sentence: str) -> None:
        """An object without a reply that says why."""
        answer = {"user": speaker, "reply": "", "turn_id": None, "steps": 0, "agent_id": None}
        self._write(json.dumps({**answer, "error": sentence}, ensure_ascii=False))

    def _show(
        self,
        user: str,
        reply: str,
        turn_id: str,
        agent_id: str,
        *,
        steps: int,
        files: Sequence[AnswerFile] = (),
    ) -> None:
        answer: dict[str, Any] = {
            "user": user,
            "reply": reply,
            "turn_id": turn_id,
            "steps": steps,
            "agent_id": agent_id,
        }
        if files:
            answer["files"] = [{"name": one.name, "content": one.text} for one in files]
        self._write(json.dumps(answer, ensure_ascii=False))


class RichScreen:
    """For people at a terminal.

    Args:
        force_terminal: What to take standard output for; None to find out.
    """

    def __init__(self, *, force_terminal: bool | None = None) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, force_terminal=force_terminal)
        self._status: Status | Live | None = None
        self._expected: set[str] = set()

    async def reply(self, item: OutboxItem, part: str) -> None:
        """Show a reply with its Markdown."""
        self._markdown(with_file(part, item.file))

    def expect(self, turn_id: str, speaker: str, agent_id: str) -> None:
        """From here on a sign of life may be shown."""
        self._expected.add(turn_id)

    def turn_ended(self, result: "TurnResult") -> None:
        """End the sign of life; one that comes late would swallow the prompt."""
        self._expected.discard(result.turn_id)
        self.working(active=False)

    def command_answer(self, command: str, speaker: str, text: str) -> None:
        """Show it like a reply."""
        self._markdown(text)

    def refused(self, speaker: str, sentence: str) -> None:
        """A notice."""
        self.notice(sentence)

    def notice(self, text: str) -> None:
        """In a quieter colour."""
        self._console.print(text, style="dim", markup=False)

    def working(self, active: bool) -> None:
        """A spinner."""
        if active and self._expected and self._status is None:
            self._status = self._console.status(_THINKING)
            self._status.start()
        elif not active and self._status is not None:
            self._status.stop()
            self._status = None

    def progress(self, line: str) -> None:
        """The spinner's words, in the place of "thinking"."""
        from rich.status import Status

        if isinstance(self._status, Status):
            self._status.update(line or _THINKING)

    def preview(self, text: str) -> None:
        """The end of what is written, in the place of the spinner; it goes like one."""
        from rich.live import Live
        from rich.text import Text

        if not text:
            self.working(active=False)
            return
        if not isinstance(self._status, Live):
            self.working(active=False)
            self._status = Live(console=self._console, transient=True, auto_refresh=False)
            self._status.start()
        shown = Text(text, style="cyan").wrap(self._console, self._console.width)
        rows = max(1, self._console.height - 2)
        self._status.update(Text("\n").join(shown[-rows:]), refresh=True)

    def _markdown(self, text: str) -> None:
        from rich.markdown import Markdown

        self.working(active=False)
        lines = text.replace("\n", "  \n")  # in a chat a line break is one
        self._console.print(Markdown(lines), style="cyan")


def _speaker(item: OutboxItem) -> str:
    return (item.scope.speaker or "").rpartition("/")[2]
