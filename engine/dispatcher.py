"""One mailbox per agent: strictly one turn at a time each, many agents at once, nothing lost.

The mailbox is the database; this module only decides who runs when. Whatever escapes a turn ends
in the one handler here, which logs a short id and says one plain sentence with it.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import notices
from engine.agent import SAID, Reception
from engine.approvals import Approvals, Decision
from engine.budgets import Accountant, Spent
from engine.changes import Changes
from engine.config import EngineConfig
from engine.delivery import Activity
from engine.disputes import Disputes
from engine.errors import ModelUnavailable, StaleTurn, StoreUnavailable
from engine.giving_up import GivingUp
from engine.hooks import TurnFinished
from engine.memory_agent import MemoryAgent
from engine.pinning import Pinning
from engine.queue_manager import QueueManager
from engine.records import IncomingEvent, Message, Scope, Turn
from engine.running import Running, waiting_turn
from engine.schedules import Scheduler
from engine.store import Acceptance, AcceptRequest
from engine.turn import TurnResult, TurnRunner
from engine.turn_log import is_awaited

if TYPE_CHECKING:
    from engine.assembly import EnginePorts

log = logging.getLogger(__name__)

ShowActivity = Callable[[Turn, Activity], Coroutine[None, None, None]]
_STORE_RETRY_SECONDS = 5.0
_KEPT_RESULTS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What works beside the turns, and starts and ends with the dispatcher."""

    queue: QueueManager
    memory_agent: MemoryAgent
    disputes: Disputes
    pinning: Pinning

    async def close(self) -> None:
        """Give up what is under way; it is made anew."""
        await self.memory_agent.close()
        await self.queue.close()


class Dispatcher:
    """Accepts events and runs their turns.

    Args:
        ports: Store, clock, hooks and what shows that work is going on.
        runner: Runs one turn.
        background: Starts and ends with the dispatcher.
        approvals: Tells agents what became of calls that waited for a person.
        accountant: Refuses turns for which there is no budget.
        config: Bounds, and what an agent is born with.
    """

    def __init__(
        self,
        *,
        ports: "EnginePorts",
        runner: TurnRunner,
        background: Background,
        approvals: Approvals,
        accountant: Accountant,
        config: EngineConfig,
    ) -> None:
        self._store = ports.store
        self._runner = runner
        self._background = background
        self._approvals = approvals
        self._accountant = accountant
        self.disputes, self.pinning = background.disputes, background.pinning
        self._bounds = config.dispatch
        self._reception = Reception(
            config=config, counter=ports.counter, now=ports.now, texts=ports.texts
        )
        self._changes = Changes(
            store=ports.store, counter=ports.counter, config=config, now=ports.now
        )
        self._admits = ports.admits
        self._now = ports.now
        self.scheduler = Scheduler(
            store=ports.store,
            reception=self._reception,
            config=config,
            now=ports.now,
            wake=self._wake,
            admits=ports.admits,
        )
        self._hook = ports.hook
        self._on_commit = ports.on_commit
        self._giving_up = GivingUp(ports.store, ports.now, ports.on_commit)
        self._show_activity = ports.show_activity
        self._slots = asyncio.Semaphore(self._bounds.max_parallel_turns)
        self._woken: set[str] = set()
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._running: dict[str, Running] = {}
        self._waiters: dict[str, asyncio.Future[TurnResult]] = {}
        self._signs: set[asyncio.Task[None]] = set()
        self._results: OrderedDict[str, TurnResult] = OrderedDict()
        self._draining = False

    async def start(self) -> None:
        """Go on with the turns that an earlier process left unfinished, and keep time."""
        self.scheduler.start()
        for agent_id in await self._store.agents_with_turns():
            self._wake(agent_id)
        await self._approvals.resume(self.submit)
        await self._background.memory_agent.start()

    async def decide(self, decision: Decision) -> str | None:
        """Run or refuse a call that waits for a person; the turn in which the agent says so.

        Raises:
            BadRequest: No such call waits here any more.
            NotAllowed: It is not theirs to decide.
        """
        return await self._approvals.decide(decision, self.submit)

    async def expire_approvals(self) -> None:
        """End calls that nobody allowed in time; their agents say so."""
        await self._approvals.expire(self.submit)

    async def submit(self, event: IncomingEvent) -> Acceptance:
        """Store an event; its turn runs when the agent is free.

        Raises:
            StoreUnavailable: Nothing was stored; the platform should send it again.
        """
        if event.kind in SAID and not self._admits(event):
            return Acceptance(outcome="ignored")
        request = await self._reception.request(event)
        acceptance = await self._store.accept(request)
        if acceptance.outcome == "queued":
            self._wake(event.scope.agent_id)
            self._join_or_wait(request)
        if acceptance.outcome == "busy":
            self._on_commit()
        return acceptance

    def _join_or_wait(self, request: AcceptRequest) -> None:
        """Put a message into the turn that runs, or show that it has to wait."""
        running = self._running.get(request.event.scope.agent_id)
        joins = running is not None and running.takes(request.event, request.at)
        if not joins and (running or self._slots.locked()):
            self._sign(waiting_turn(request), "waiting")

    async def stop(self, scope: Scope, notice: str = "") -> int:
        """Cancel the unfinished turns of a conversation; how many there were.

        Args:
            scope: Of the conversation.
            notice: What the person is told of it as a reply, once, where anything was stopped.
        """
        cancelled = await self._store.cancel_turns(scope, notice, self._now())
        self._end(cancelled)
        return len(cancelled)

    async def stop_asked(self, tenant: str, source_key: str, actor: str, notice: str) -> bool:
        """Cancel the unfinished turn of a message or a reply, for somebody whom it answers."""
        turn = await self._store.cancel_asked(tenant, source_key, actor, notice, self._now())
        self._end([turn] if turn else [])
        return turn is not None

    def _end(self, cancelled: Sequence[Turn]) -> None:
        """End at once what is being worked on, the request to the model too."""
        for turn in cancelled:
            running = self._running.get(turn.scope.agent_id)
            if running and running.turn.id == turn.id:
                running.cancel()
            elif turn.id not in self._results:
                self._finish(turn, TurnResult(turn_id=turn.id, state="cancelled", steps=0), 0)
                self._sign(turn, "idle")
        if cancelled:
            self._on_commit()

    async def spent(self, scope: Scope) -> list[Spent]:
        """What was used today of each budget that holds at a scope."""
        return await self._accountant.spent(scope)

    async def retry(self, scope: Scope) -> str | None:
        """Answer the speaker's last message again if that failed; its turn."""
        turn_id = await self._store.requeue_failed(scope, self._now())
        if turn_id:
            self._results.pop(turn_id, None)
            self._wake(scope.agent_id)
        return turn_id

    async def edit(self, tenant: str, source_key: str, text: str) -> bool:
        """Follow an edit on the platform, without a turn; whether it changed anything."""
        message = await self._changes.edit(tenant, source_key, text)
        if message and (running := self._running_with(message)):
            running.begin_anew()
        return message is not None

    async def delete(self, tenant: str, source_keys: Sequence[str]) -> int:
        """Follow deletions on the platform, without a turn; how many messages were known.

        Args:
            tenant: Where they were said.
            source_keys: Of messages; one that ends in a slash stands for all that begin with it.
        """
        deleted = await self._changes.delete(tenant, source_keys)
        for running in filter(None, map(self._running_with, deleted)):
            running.cancel()  # what is left of its turn, if anything, is taken again
        return len(deleted)

    async def close_place(self, key: str) -> None:
        """Follow that a channel, or the bot in a whole tenant, is gone."""
        self._end(await self._store.close_place(key, self._now()))

    def _running_with(self, message: Message) -> Running | None:
        """What works on the turn of a message right now."""
        running = self._running.get(message.scope.agent_id)
        return running if running and running.turn.id == message.turn_id else None

    async def wait_turn(self, turn_id: str) -> TurnResult:
        """Wait until a turn that this process accepted has ended."""
        if turn_id in self._results:
            return self._results[turn_id]
        future = self._waiters.setdefault(turn_id, asyncio.get_running_loop().create_future())
        return await asyncio.shield(future)

    async def drain(self, seconds: float) -> None:
        """Start no more turns; let running ones finish, or stop them at a stored step."""
        self._draining = True
        await self.scheduler.stop()
        tasks = set(self._serving.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop at once; what was running goes on at the next start."""
        await self.drain(0)
        await self._background.close()
        for task in self._signs:
            task.cancel()
        await asyncio.gather(*self._signs, return_exceptions=True)

    def _wake(self, agent_id: str) -> None:
        self._woken.add(agent_id)
        if agent_id not in self._serving and not self._draining:
            task = asyncio.create_task(self._serve(agent_id))
            self._serving[agent_id] = task
            task.add_done_callback(lambda _: self._served(agent_id))

    def _served(self, agent_id: str) -> None:
        del self._serving[agent_id]
        if agent_id in self._woken:
            self._wake(agent_id)

    async def _serve(self, agent_id: str) -> None:
        """Run the agent's turns in order; the slot is given back after each, so none starves."""
        while agent_id in self._woken and not self._draining:
            self._woken.discard(agent_id)
            async with self._slots:
                try:
                    turn = await self._store.next_turn(agent_id)
                except StoreUnavailable:
                    self._wake_later(agent_id)
                    return
                if turn is None:
                    continue
                self._woken.add(agent_id)
                await self._answer(turn)

    def _wake_later(self, agent_id: str) -> None:
        log.error("the database cannot be used; trying again", extra={"agent_id": agent_id})
        asyncio.get_running_loop().call_later(_STORE_RETRY_SECONDS, self._wake, agent_id)

    async def _answer(self, turn: Turn) -> None:
        """Run one turn to its end, whatever that is."""
        started = time.perf_counter()
        running = self._running[turn.scope.agent_id] = Running(turn=turn)
        self._sign(turn, "working")
        try:
            task = await running.work(lambda: self._guarded(running))
        finally:
            del self._running[turn.scope.agent_id]
            self._sign(running.turn, "idle")
        result = _result_of(task, turn)
        self._finish(running.turn, result, time.perf_counter() - started)

    async def _guarded(self, running: Running) -> TurnResult:
        """The one handler: a person reads a sentence, the operator finds its id in the log."""
        turn = running.turn
        if turn.attempt > self._bounds.max_attempts:
            return await self._giving_up.end(turn, notices.SET_ASIDE)
        try:
            turn = await self._with_all(running)
            return await self._run(turn, running.acts)
        except StaleTurn:
            return TurnResult(turn_id=turn.id, state="cancelled", steps=turn.steps)
        except StoreUnavailable:
            self._wake_later(turn.scope.agent_id)
            self._woken.discard(turn.scope.agent_id)
            return TurnResult(turn_id=turn.id, state="running", steps=turn.steps)
        except ModelUnavailable as error:
            return await self._giving_up.fail(turn, notices.MODEL_UNAVAILABLE, error)
        except Exception as error:  # noqa: BLE001 - the last handler; see the module's docstring
            return await self._giving_up.fail(turn, notices.FAILED, error)

    async def _run(self, turn: Turn, on_answer: Callable[[], None]) -> TurnResult:
        """Run a turn that somebody has the budget for; tell them when little of it is left."""
        if refusal := await self._accountant.refusal(turn):
            return await self._giving_up.end(turn, refusal, state="refused")
        result = await self._runner.run(turn, self._on_commit, on_answer)
        if is_awaited(turn.kind) and await self._accountant.warn(turn):
            self._on_commit()
        return result

    async def _with_all(self, running: Running) -> Turn:
        """The turn with every message that has come for it until now."""
        while running.again:
            running.again, running.phase = False, "joining"
            running.turn = await self._store.join_turn(running.turn)
        running.phase = "acting" if running.turn.steps else "asking"
        return running.turn

    def _finish(self, turn: Turn, result: TurnResult, seconds: float) -> None:
        self._hook(
            TurnFinished(
                agent_id=turn.scope.agent_id,
                turn_id=turn.id,
                state=result.state,
                steps=result.steps,
                seconds=seconds,
            )
        )
        if result.scheduled:
            self.scheduler.wake()
        self._background.memory_agent.turn_ended(turn.scope)
        for one in (turn, *turn.joined):
            self._results[one.id] = result
            if len(self._results) > _KEPT_RESULTS:
                self._results.popitem(last=False)
            if waiter := self._waiters.pop(one.id, None):
                waiter.set_result(result)

    def _sign(self, turn: Turn, activity: Activity) -> None:
        """Show a sign of life beside the turn; it never holds one up."""
        for one in (turn, *turn.joined):
            if not is_awaited(one.kind):
                return
            task = asyncio.create_task(self._show_activity(one, activity))
            self._signs.add(task)
            task.add_done_callback(self._signs.discard)


def _result_of(task: asyncio.Task[TurnResult], turn: Turn) -> TurnResult:
    if task.cancelled():
        return TurnResult(turn_id=turn.id, state="cancelled", steps=turn.steps)
    return task.result()
