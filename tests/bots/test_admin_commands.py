"""What admins see and do in chat, and what they do not see of others."""

from datetime import timedelta

import pytest

from bots.adapter import CommandRequest
from bots.allowances import Allowances, Configured
from bots.command_families import build_commands
from bots.command_table import COMMANDS
from bots.config_file import PriceTable
from bots.conversation_commands import StatusInfo
from bots.places import Places
from bots.routing import Origin
from bots.typed_commands import parse
from engine.budgets import Budget, Budgets
from engine.oversight import AuditRow
from engine.records import StepCommit, TokenUsage
from tests.bots.memory_rig import open_memory, scope

INFO = StatusInfo(model="m-1", is_demonstration=False, context_tokens=1000, version="9.9")
ADA = scope("U1", room="C1", platform="slack", team="T1")
EVE = scope("U9", room="C9", platform="slack", team="T2")
OPERATOR = "slack:T1/UOP"


class Office:
    """Commands on a real store, given by an admin of a workspace or by the operator."""

    def __init__(self, memory, folder):
        self.memory, self.store = memory, memory.store
        configured = Configured(
            prices={"m-1": PriceTable(input=2.0, cached_input=1.0, output=4.0)},
            backups=folder / "backups",
            budgets=Budgets(person=Budget(tokens_per_day=10_000)),
        )
        self.allowances = Allowances(Places(), configured)
        self.commands = build_commands(
            store=memory.store,
            inbox=None,
            admins=frozenset({OPERATOR}),
            now=memory.clock,
            info=INFO,
            allowances=self.allowances,
        )

    async def run(self, command, *, actor="slack:T1/U1", where=ADA, admin=True, **more):
        request = CommandRequest(
            command=command,
            scope=where,
            actor=actor,
            actor_name="Somebody",
            platform_admin=admin,
            origin=Origin(platform="slack", team="T1", user="U1", room="C1"),
            **more,
        )
        return (await self.commands.run(request)).text

    async def set_by(self, command, typed="", **more):
        """A command as it is typed."""
        parsed = parse(f"{command} {typed}", COMMANDS)
        return await self.run(command, arguments=parsed.arguments, **more)

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
                "- m-1, turn: calls: 1, tokens: 1,000,000 in (500,000 cached), 250,000 out, "
                "cost 2.5000"
            ),
            "- m-2, memory: calls: 1, tokens: 7 in (0 cached), 0 out",
            ("- in all: calls: 2, tokens: 1,000,007 in (500,000 cached), 250,000 out, cost 2.5000"),
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
        assert [line.split()[5] for line in lines] == ["act2", "act0"]
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


class TestBudget:
    async def test_is_shown_with_what_the_operator_configured(self, office):
        assert (await office.run("agent budget")).splitlines()[1] == (
            "- person: any number of messages a minute, 10,000 tokens a day"
        )

    async def test_can_be_made_stricter_by_an_admin_and_is_kept(self, office):
        await office.set_by("agent budget", "person tokens_per_day 5,000")
        await office.set_by("agent budget", "room requests-per-minute 3")
        again = Places()
        await again.load(office.store)
        budgets = Allowances(again, office.allowances.configured).budgets(ADA)
        assert budgets.person.tokens_per_day == 5000
        assert budgets.room.requests_per_minute == 3
        assert office.allowances.budgets(EVE).person.tokens_per_day == 10_000
        assert {row.subject for row in await office.store.audit(5)} == {"slack:T1/*"}

    @pytest.mark.parametrize("amount", ["20000", "off"])
    async def test_beyond_the_operators_is_the_operators_to_give(self, office, amount):
        typed = f"person tokens_per_day {amount}"
        assert "10,000" in await office.set_by("agent budget", typed)
        assert office.allowances.budgets(ADA).person.tokens_per_day == 10_000
        await office.set_by("agent budget", typed, actor=OPERATOR)
        assert office.allowances.budgets(ADA).person.tokens_per_day in {20_000, None}

    @pytest.mark.parametrize(
        "typed", ["person", "person tokens_per_day 0", "person tokens_per_day lots", "cat x 3"]
    )
    async def test_that_is_not_understood_changes_nothing(self, office, typed):
        assert "What may be used" not in await office.set_by("agent budget", typed)
        assert await office.store.place_settings() == []


class TestRetention:
    async def test_is_shown(self, office):
        assert await office.run("agent retention") == "What is said is kept 400 days."

    async def test_takes_two_steps_for_it_erases(self, office):
        assert "will be erased" in await office.set_by("agent retention", "30")
        assert office.allowances.recall_days("slack:T1") == 400
        await office.set_by("agent retention", "30", confirmed=True)
        assert office.allowances.recall_days("slack:T1") == 30
        assert office.allowances.recall_days("slack:T2") == 400

    @pytest.mark.parametrize("days", ["401", "off"])
    async def test_is_not_longer_than_the_operators(self, office, days):
        assert "400" in await office.set_by("agent retention", days, confirmed=True)
        assert office.allowances.recall_days("slack:T1") == 400


class TestLettingIn:
    @pytest.mark.parametrize("who", ["U2", "<@U2>", "<@U2|bob>", "slack:T1/U2", "slack:T1/user/U2"])
    async def test_a_person_who_is_denied_is_shut_out_until_allowed(self, office, who):
        await office.set_by("agent deny", f'user "{who}"')
        assert office.allowances.shut_out("slack:T1/U2", ())
        assert not office.allowances.shut_out("slack:T1/U3", ())
        assert not office.allowances.shut_out("slack:T2/U2", ())
        await office.set_by("agent allow", f'user "{who}"')
        assert not office.allowances.shut_out("slack:T1/U2", ())

    async def test_an_allowed_role_is_let_in_where_everyone_is_denied(self, office):
        await office.set_by("agent deny", "role @everyone")
        await office.set_by("agent allow", "role <@&5>")
        assert office.allowances.shut_out("slack:T1/U2", ("4",))
        assert not office.allowances.shut_out("slack:T1/U2", ("4", "5"))

    async def test_what_is_set_for_a_person_counts_most(self, office):
        await office.set_by("agent deny", "role 5")
        await office.set_by("agent allow", "user U2")
        assert not office.allowances.shut_out("slack:T1/U2", ("5",))
        assert office.allowances.shut_out("slack:T1/U3", ("5",))

    async def test_this_channel_is_denied_and_allowed_without_a_name(self, office):
        origin = Origin(platform="slack", team="T1", user="U1", room="C1")
        await office.set_by("agent deny", "channel")
        assert office.allowances.places.rules_for(origin).mode == "off"
        await office.set_by("agent allow", "channel")
        rules = office.allowances.places.rules_for(origin)
        assert (rules.mode, rules.outsiders) == ("mention", "learn")

    @pytest.mark.parametrize("who", ["slack:T2/U2", "a b", "*", "", "@bob", "Bob", "#general"])
    async def test_only_somebody_of_this_workspace_can_be_named(self, office, who):
        said = await office.run("agent deny", arguments={"kind": "user", "who": who})
        assert "such as" in said or "this server or workspace" in said
        assert await office.store.place_settings() == []

    async def test_who_is_shut_out_still_has_their_own_data_in_hand(self, office):
        await office.memory.reply(ADA, "hello")
        await office.set_by("agent deny", "user U2")
        eve = {"actor": "slack:T1/U2", "admin": False}
        assert "shut you out" in await office.run("status", **eve)
        assert "shut you out" not in await office.run("memory forget-me", **eve)

    async def test_no_admin_is_shut_out_of_commands(self, office):
        await office.set_by("agent deny", "user U1")
        assert "What may be used" in await office.run("agent budget")
