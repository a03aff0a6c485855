"""What admins see and do in chat, and what they do not see of others."""

from datetime import timedelta

import pytest

from bots.adapter import CommandRequest
from bots.admin_commands import Configured
from bots.command_families import build_commands
from bots.config_file import PriceTable
from bots.conversation_commands import StatusInfo
from engine.records import AuditRow, StepCommit, TokenUsage
from tests.bots.memory_rig import open_memory, scope

INFO = StatusInfo(model="m-1", is_demonstration=False, context_tokens=1000, version="9.9")
ADA = scope("U1", room="C1", platform="slack", team="T1")
EVE = scope("U9", room="C9", platform="slack", team="T2")
OPERATOR = "slack:T1/UOP"


class Office:
    """Commands on a real store, given by an admin of a workspace or by the operator."""

    def __init__(self, memory, folder):
        self.memory, self.store = memory, memory.store
        self.commands = build_commands(
            store=memory.store,
            inbox=None,
            admins=frozenset({OPERATOR}),
            now=memory.clock,
            info=INFO,
            configured=Configured(
                prices={"m-1": PriceTable(input=2.0, cached_input=1.0, output=4.0)},
                backups=folder / "backups",
            ),
        )

    async def run(self, command, *, actor="slack:T1/U1", where=ADA, admin=True, **more):
        request = CommandRequest(
            command=command,
            scope=where,
            actor=actor,
            actor_name="Somebody",
            platform_admin=admin,
            **more,
        )
        return (await self.commands.run(request)).text

    async def spend(self, where, *usage):
        turn = await self.memory.accept(where)
        commit = StepCommit(turn=turn, step=1, usage=usage, state="done", at=self.memory.clock())
        await self.store.commit_step(commit)


@pytest.fixture
async def office(tmp_path):
    async with open_memory(tmp_path) as memory:
        yield Office(memory, tmp_path)


class TestUsage:
    async def test_shows_tokens_and_cost_by_model_and_purpose(self, office):
        million = TokenUsage(
            model="m-1", input_tokens=1_000_000, cached_tokens=500_000, output_tokens=250_000
        )
        await office.spend(ADA, million, TokenUsage(model="m-2", purpose="memory", input_tokens=7))
        assert (await office.run("agent usage")).splitlines() == [
            "Used in the last 30 days:",
            (
                "- m-1, turn: 1 calls, 1,000,000 tokens in (500,000 cached), 250,000 out, "
                "cost 2.5000"
            ),
            "- m-2, memory: 1 calls, 7 tokens in (0 cached), 0 out",
            ("- in all: 2 calls, 1,000,007 tokens in (500,000 cached), 250,000 out, cost 2.5000"),
        ]

    async def test_of_another_workspace_is_the_operators_alone(self, office):
        await office.spend(EVE, TokenUsage(model="theirs", input_tokens=7))
        assert "Nothing was used" in await office.run("agent usage")
        assert "theirs" in await office.run("agent usage", actor=OPERATOR, admin=False)

    async def test_goes_back_as_far_as_is_asked(self, office):
        await office.spend(ADA, TokenUsage(model="m-2", input_tokens=7))
        office.memory.clock.advance(timedelta(days=3))
        assert "Nothing" in await office.run("agent usage", arguments={"days": "2"})
        assert "m-2" in await office.run("agent usage", arguments={"days": "99999999999"})

    @pytest.mark.parametrize("typed", ["many", "0", "-1", "1.5"])
    async def test_wants_a_number(self, office, typed):
        assert await office.run("agent usage", arguments={"days": typed}) == (
            "`days` takes a number from 1 on."
        )


class TestAudit:
    async def test_lists_acts_in_this_workspace_newest_first(self, office):
        for number, subject in enumerate(["slack:T1/channel/C1", "slack:T2/x", "slack:T1/U2"]):
            row = AuditRow(
                at=office.memory.clock(), actor="operator", action=f"act{number}", subject=subject
            )
            await office.store.record_audit(row)
        lines = (await office.run("agent audit")).splitlines()
        assert [line.split()[4] for line in lines] == ["act2", "act0"]
        assert len((await office.run("agent audit", actor=OPERATOR)).splitlines()) == 3

    async def test_that_is_empty_says_so(self, office):
        assert "Nothing was done" in await office.run("agent audit")


class TestWhatIsAboutTheWholeBot:
    @pytest.mark.parametrize("command", ["agent backup", "agent doctor"])
    async def test_is_refused_to_admins_of_one_workspace(self, office, tmp_path, command):
        assert "MEMBOT_ADMINS" in await office.run(command)
        assert not (tmp_path / "backups").exists()

    async def test_a_backup_is_made_for_the_operator_and_noted(self, office, tmp_path):
        said = await office.run("agent backup", actor=OPERATOR)
        (file,) = (tmp_path / "backups").iterdir()
        assert f"`{file.name}`" in said
        assert str(tmp_path) not in said
        assert [row.action for row in await office.store.audit(5)] == ["backup"]

    async def test_the_doctor_answers_the_operator(self, office, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
        said = await office.run("agent doctor", actor=OPERATOR)
        assert "ok      database:" in said
