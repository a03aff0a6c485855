"""An engine over real SQLite, with a scripted model."""

from dataclasses import replace

import pytest

from engine.assembly import EnginePorts, build_dispatcher
from engine.budgets import Budgets
from engine.config import EngineConfig
from engine.testing import FixedClock, ScriptedChatModel, call
from engine.tokens import TokenCounter
from storage.sqlite.store import SqliteStore
from tests.engine.builders import dm_scope, event


class Rig:
    """The engine with its ports at hand."""

    def __init__(self, store, config, clock):
        self.store = store
        self.clock = clock
        self.model = ScriptedChatModel()
        self.counter = TokenCounter("scripted")
        self.config = config
        self.happened = []
        self.commits = 0
        self.budgets = Budgets()
        self.admits = lambda event: True
        self.previews = []
        self.pictures = None
        self.own_tools = ()
        self.attach_tools = None
        self.start_engine()

    def start_engine(self):
        ports = EnginePorts(
            store=self.store,
            model=self.model,
            counter=self.counter,
            now=self.clock,
            hook=self.happened.append,
            on_commit=self._committed,
            show_activity=self._show,
            admits=self.admits,
            budgets=lambda scope: self.budgets,
            show_preview=self._preview,
            pictures=self.pictures,
            own_tools=self.own_tools,
            attach_tools=self.attach_tools,
        )
        self.dispatcher = build_dispatcher(ports, self.config)

    def _committed(self):
        self.commits += 1

    def _preview(self, turn, text):
        self.previews.append((turn.id, text))

    async def _show(self, turn, activity):
        self.happened.append((turn.id, activity))

    def script(self, *replies):
        self.model.then(*replies)

    async def say(self, text="Hello", **changes):
        """One message, answered to the end of its turn."""
        acceptance = await self.dispatcher.submit(event(text, **changes))
        return await self.dispatcher.wait_turn(acceptance.turn_id)

    async def answer(self, text="Hello", reply="Hi.", **changes):
        self.script(call("send_message", message=reply))
        return await self.say(text, **changes)

    async def block(self, label, scope=None):
        window = await self.store.load_window(scope or dm_scope())
        return next(block for block in window.blocks if block.label == label)

    async def window(self, scope=None):
        return await self.store.load_window(scope or dm_scope())


@pytest.fixture
def memory():
    """Settings of memory that a test module may override."""
    return {"agent": "off"}


@pytest.fixture
async def rig(tmp_path, memory):
    clock = FixedClock()
    store = await SqliteStore.open(tmp_path / "membot.db", embedder=None, now=clock)
    config = EngineConfig()
    rig = Rig(store, replace(config, memory=replace(config.memory, **memory)), clock)
    yield rig
    await rig.dispatcher.close()
    await store.close()
