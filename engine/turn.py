"""One turn: the step loop, where each step is stored whole and says what comes next.

A turn is its stored messages: everything the loop has to remember between two steps is read off
them, so after a crash it goes on where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from ulid import ULID

from engine import notices
from engine.answer_files import AnswerFile
from engine.chat_model import ChatModel, ModelReply, Watch, ask
from engine.config import MemoryConfig
from engine.context_window import ContextWindow, Fitter
from engine.due_times import QuietHours
from engine.errors import ContextOverflow, StaleBlock
from engine.events import alert_payload, assistant_payload, result_payload
from engine.file_tools import as_repeated, said
from engine.hooks import Hook, MemoryPressure
from engine.knowledge import KnowledgeSource, readable_owners
from engine.memory_tools import SEND_MESSAGE
from engine.pictures import Pictures, fitting
from engine.pinning import pressure_line
from engine.progress import ShowProgress, Work, in_progress, unseen
from engine.prompts import load_prompt
from engine.queue_manager import QueueManager, Ready
from engine.records import Message, Reply, Role, StepCommit, Turn, TurnState
from engine.store import Store
from engine.tokens import TokenCounter
from engine.tools import Draft, Provenance, Toolbox, ToolContext, ToolResult
from engine.turn_log import (
    ALERT,
    ANSWERED,
    FAILED,
    REMINDER,
    Continue,
    Done,
    LimitReached,
    NextStep,
    TurnLog,
    begins_echo,
    decide,
    is_awaited,
    is_echo,
    last_words,
)

# Called with a turn and its first reply as far as it is written.
ShowPreview = Callable[[Turn, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """How a turn ended, and whether it scheduled something."""

    turn_id: str
    state: TurnState
    steps: int
    replies: tuple[str, ...] = ()
    files: tuple[AnswerFile, ...] = ()
    scheduled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTools:
    """What a runner is built from."""

    store: Store
    model: ChatModel
    counter: TokenCounter
    toolbox: Toolbox
    context: ContextWindow
    queue: QueueManager
    config: MemoryConfig
    now: Callable[[], datetime]
    zone: ZoneInfo
    hook: Hook
    show_preview: ShowPreview | None = None
    show_progress: ShowProgress = unseen
    pictures: Pictures | None = None
    knowledge: tuple[KnowledgeSource, ...] = ()
    quiet: QuietHours


class TurnRunner:
    """Runs one turn at a time; safe to use for many agents at once."""

    def __init__(self, tools: TurnTools) -> None:
        self._with = tools
        self._answers = Fitter(tools.counter, tools.config.message_tokens)
        self._results = Fitter(tools.counter, tools.config.result_tokens)

    async def run(
        self, turn: Turn, on_commit: Callable[[], None], on_answer: Callable[[], None]
    ) -> TurnResult:
        """Go on from the last stored step until the turn yields.

        Args:
            turn: What to answer.
            on_commit: Called after each stored step, so that a reply leaves at once.
            on_answer: Called when the model has answered, or some of its answer is shown.

        Raises:
            ModelUnavailable: The model could not be reached; nothing of the step is stored.
            StaleTurn: The turn was cancelled, or its memory erased.
        """
        log = TurnLog(
            list(await self._with.store.turn_messages(turn)), awaited=is_awaited(turn.kind)
        )
        if self._with.pictures and log.asked:
            log.sight = await self._with.pictures.of(turn.scope, log.asked)
        step = turn.steps
        while True:
            step += 1
            next_step = await self._step(turn, step, log, on_answer)
            on_commit()
            match next_step:
                case Continue():
                    continue
                case Done() | LimitReached():
                    replies = tuple(it.text for it in log.replies if it.kind != "pressure")
                    return TurnResult(
                        turn_id=turn.id,
                        state="done",
                        steps=step,
                        replies=replies,
                        files=tuple(it.file for it in log.replies if it.file),
                        scheduled=log.scheduled,
                    )

    async def _step(
        self, turn: Turn, step: int, log: TurnLog, on_answer: Callable[[], None]
    ) -> NextStep:
        ready, reply = await self._ask(turn, log, on_answer)
        on_answer()
        reply = replace(reply, tool_calls=reply.tool_calls[: self._with.config.max_calls])
        context = self._tool_context(turn, ready, log)
        with in_progress(self._with.show_progress, _work(turn, step), _using(reply)):
            results = await self._with.toolbox.run_all(reply.tool_calls, context, self._with.hook)
        draft = context.draft
        if not reply.tool_calls and reply.content and context.may_speak and log.awaited:
            draft.replies.append(Reply(text=reply.content))
        messages = await self._messages(turn, reply, results, draft)
        now_stored = TurnLog([*log.messages, *messages], awaited=log.awaited)
        config = self._with.config
        next_step = decide(
            now_stored,
            results,
            step=step,
            max_steps=config.max_steps,
            repeat_limit=config.repeat_limit,
        )
        if next_step == Continue(REMINDER):
            messages.append(await self._system_message(turn, load_prompt("reminder"), REMINDER))
        alert = None
        if isinstance(next_step, Done) and step < config.max_steps and not log.was_alerted:
            alert = await self._alert(turn, ready, draft, messages)
        if alert:
            messages.append(alert)
            next_step = Continue(ALERT)
        _speak_up(next_step, now_stored, draft)
        commit = StepCommit(
            turn=turn,
            step=step,
            messages=tuple(messages),
            blocks=tuple(draft.blocks),
            passages=tuple(draft.passages),
            revisions=tuple(draft.revisions),
            replies=tuple(draft.replies),
            approvals=tuple(draft.approvals),
            schedules=tuple(draft.schedules),
            cancelled_schedules=tuple(draft.cancelled_schedules),
            used_messages=tuple(draft.used_messages),
            used_passages=tuple(draft.used_passages),
            usage=(reply.usage,),
            state="running" if isinstance(next_step, Continue) else "done",
            warned=alert is not None,
            heartbeats_paused_until=draft.heartbeats_paused_until,
            at=self._with.now(),
        )
        return await self._commit(commit, log, next_step)

    async def _commit(self, commit: StepCommit, log: TurnLog, next_step: NextStep) -> NextStep:
        """Store the step; when a block has changed meanwhile, the model looks again."""
        try:
            await self._with.store.commit_step(commit)
        except StaleBlock:
            limit = self._with.config.max_steps
            if commit.step >= limit:
                raise
            return Continue("a block has changed meanwhile")
        log.messages += commit.messages
        log.scheduled |= bool(commit.schedules)
        log.replies += commit.replies
        return next_step

    async def _ask(
        self, turn: Turn, log: TurnLog, on_answer: Callable[[], None]
    ) -> tuple[Ready, ModelReply]:
        """Call the model; when the endpoint says that it is too much, flush and try once more."""
        ready = await self._with.queue.ready(turn.scope, asked=log.asked)
        try:
            return ready, await self._call(turn, ready, log, on_answer)
        except ContextOverflow:
            ready = await self._with.queue.ready(turn.scope, asked=log.asked, force_flush=True)
            return ready, await self._call(turn, ready, log, on_answer)

    async def _call(
        self, turn: Turn, ready: Ready, log: TurnLog, on_answer: Callable[[], None]
    ) -> ModelReply:
        agent_id, hook = turn.scope.agent_id, self._with.hook
        words = last_words(log.asked, ready.window.queue)
        watch = self._watch(turn, log, words, on_answer)
        only = SEND_MESSAGE if log.was_reminded and log.leaves_waiting else None
        sight = fitting(log.sight, ready.fill)
        request = replace(ready.request, only=only, watch=watch, sight=sight)
        reply = await ask(self._with.model, request, agent_id, hook)
        if sight is None:  # what pictures take says nothing of how texts are counted
            self._with.counter.learn(ready.fill.used_tokens, reply.usage.input_tokens)
        if self._with.model.tools_as_text and is_echo(reply, words):
            alone = request.messages[-len(log.messages) :]  # without the talk that it is caught in
            request = replace(request, messages=alone, varied=True)
            again = await ask(self._with.model, request, agent_id, hook)
            return replace(again, usage=reply.usage.plus(again.usage))
        return reply

    def _watch(
        self, turn: Turn, log: TurnLog, words: Sequence[str], on_answer: Callable[[], None]
    ) -> Watch | None:
        """Only what a person waits for is shown: a later reply could overtake the first."""
        show = self._with.show_preview
        if show is None or not log.leaves_waiting:
            return None

        def shown(text: str) -> None:
            if self._with.model.tools_as_text and begins_echo(text, words):
                return  # it may have to be asked again
            on_answer()  # what people have seen of an answer is said
            show(turn, text)

        return Watch(tool=SEND_MESSAGE, argument="message", show=shown)

    def _tool_context(self, turn: Turn, ready: Ready, log: TurnLog) -> ToolContext:
        return ToolContext(
            scope=turn.scope,
            turn=turn,
            provenance=Provenance.of(turn, log.asked),
            heard=log.heard,
            store=self._with.store,
            config=self._with.config,
            memory={block.label: block for block in ready.window.blocks},
            draft=Draft(),
            counter=self._with.counter,
            may_speak=not log.answers_alert,
            learns=turn.learns,
            knowledge=readable_owners(turn.scope, self._with.knowledge),
            quiet=self._with.quiet,
            now=self._with.now,
            zone=self._with.zone,
        )

    async def _alert(
        self, turn: Turn, ready: Ready, draft: Draft, added: Sequence[Message]
    ) -> Message | None:
        """The memory-pressure alert, where it is due; from 85 % on a summary is prepared."""
        edited = [write.block for write in draft.blocks]
        window = self._with.context.with_memory(ready.window, edited)
        fill = self._with.context.measure(window, added)
        self._with.queue.prepare(turn.scope, fill)
        if not self._with.queue.wants_alert(fill, window):
            return None
        self._with.hook(
            MemoryPressure(
                agent_id=turn.scope.agent_id,
                conversation_id=turn.scope.conversation_id,
                used_tokens=fill.used_tokens,
                context_tokens=fill.context_tokens,
            )
        )
        percent = round(100 * fill.share)
        leaving = self._with.queue.about_to_leave(ready.window)
        if self._with.config.pressure_line and leaving and is_awaited(turn.kind):
            draft.replies.append(pressure_line(percent, leaving[-1]))
        text = load_prompt("alert").replace("{percent}", str(percent))
        return await self._system_message(turn, text, ALERT)

    async def _messages(
        self, turn: Turn, reply: ModelReply, results: Sequence[ToolResult], draft: Draft
    ) -> list[Message]:
        """The model's answer and its results as queue entries, their tokens counted."""
        calls = [as_repeated(result) for result in results]
        answer = await self._answers.fit_entry(assistant_payload(reply.content, calls))
        messages = [self._message(turn, "assistant", "answer", said(draft.replies), *answer)]
        for result in results:
            shown = await self._results.fit(result.message, self._result_entry(result))
            kind = ANSWERED if result.ok else FAILED
            messages.append(self._message(turn, "tool", kind, "", *shown))
        return messages

    def _result_entry(self, result: ToolResult) -> Callable[[str], str]:
        now, zone = self._with.now(), self._with.zone
        return lambda text: result_payload(result.call.id, text, now, zone, ok=result.ok)

    async def _system_message(self, turn: Turn, text: str, kind: str) -> Message:
        payload = alert_payload(text, self._with.now(), self._with.zone)
        (tokens,) = await self._with.counter.count([payload])
        return self._message(turn, "user", kind, "", payload, tokens)

    def _message(
        self, turn: Turn, role: Role, kind: str, text: str, payload: str, tokens: int
    ) -> Message:
        now = self._with.now()
        return Message(
            id=str(ULID.from_datetime(now)),
            scope=turn.scope,
            turn_id=turn.id,
            role=role,
            kind=kind,
            text=text,
            payload=payload,
            tokens=tokens,
            place=turn.place_name,
            sent_at=now,
            searchable=bool(text),
        )


def _work(turn: Turn, step: int) -> Work:
    work_id = f"{turn.id}/{turn.attempt}/{step}"
    return Work(id=work_id, scope=turn.scope, address=turn.address)


def _using(reply: ModelReply) -> str:
    tools = dict.fromkeys(call.name for call in reply.tool_calls)
    return notices.USING.format(tools=", ".join(tools)) if tools else ""


def _speak_up(next_step: NextStep, log: TurnLog, draft: Draft) -> None:
    """Nobody is left in silence by accident: a turn that has said nothing says so."""
    if isinstance(next_step, Continue) or not log.leaves_waiting or draft.replies:
        return
    text = notices.STUCK if isinstance(next_step, LimitReached) else notices.SILENT
    if log.scheduled_for:
        text = notices.REMINDER.format(reason=log.scheduled_for)
    draft.replies.append(Reply(text=text, kind="notice"))
