"""Memory in one's own hands on Discord: commands and buttons on the real command layer."""

import pytest

from bots.command_table import COMMANDS as TABLE
from bots.routing import Origin, scope_of
from tests.bots.discord.doubles import make_adapter
from tests.bots.in_hand import about, card, commands_of, tell
from tests.engine.conftest import memory, rig

__all__ = ["memory", "rig"]


@pytest.fixture
def runner(rig):
    return commands_of(rig)


@pytest.fixture
def adapter(inbox, runner, clock):
    return make_adapter(inbox, runner, table=TABLE, now=clock)


@pytest.mark.behaviour("command.memory-show", "discord")
@pytest.mark.behaviour("command.memory-search", "discord")
@pytest.mark.behaviour("command.memory-edit", "discord")
@pytest.mark.behaviour("command.memory-undo", "discord")
@pytest.mark.behaviour("command.memory-pin", "discord")
@pytest.mark.behaviour("command.memory-history", "discord")
@pytest.mark.behaviour("command.memory-restore", "discord")
@pytest.mark.behaviour("command.memory-card", "discord")
@pytest.mark.behaviour("command.memory-forget", "discord")
@pytest.mark.behaviour("who.card", "discord")
async def test_told_shown_edited_undone_pinned_forgotten(guild, general, ada, rig):
    origin = Origin(platform="discord", team=str(guild.id), user=str(ada.id), room=str(general.id))
    scope = scope_of(origin)

    async def give(command, **options):
        return (await ada.slash(general, f"memory {command}", **options)).response

    await tell(rig, scope, "I play the cello.", "Plays the cello.")
    assert "- Plays the cello. (you, " in (await give("show")).content
    assert "I play the cello." in (await give("search", query="cello")).content
    edited = await give("edit", item="cello", text="Plays the viola.")
    await ada.click(edited, label="Undo")
    assert await about(rig, scope) == "Plays the cello."
    pinned = await give("pin", item="cello")
    assert "(pinned, you, " in (await give("show")).content
    await ada.click(pinned, label="Unpin")
    assert "memory unpin" in (await give("history")).content

    then = rig.clock().isoformat()
    rig.clock.advance(60)
    asked = await give("forget", item="cello")
    assert "Plays the cello." in asked.content
    assert asked.ephemeral
    pressed = await ada.click(asked, label="Forget it")
    assert pressed.followups[0].content.startswith(
        "Forgotten, with all that came of it: 1 line, 1 message."
    )
    assert await about(rig, scope) == ""
    assert "cello" not in (await give("restore", time=then)).content

    await ada.click(await give("card", text="Deaf in one ear."), label="Use this card")
    assert await card(rig, scope) == "Deaf in one ear."
    await give("card", text="none")
    assert await card(rig, scope) is None


@pytest.mark.behaviour("command.modal", "discord")
async def test_a_line_longer_than_a_form_can_name_is_edited_in_it_also_after_a_restart(
    simcord_env, guild, general, ada, adapter, rig
):
    origin = Origin(platform="discord", team=str(guild.id), user=str(ada.id), room=str(general.id))
    line = "Plays the cello with friends from the orchestra, mostly Brahms and Dvořák, on Fridays."
    await tell(rig, scope_of(origin), "I play the cello.", line)
    shown = await ada.slash(general, "memory edit", item=line)
    assert shown.modal["components"][0]["components"][0]["value"] == line
    card = await ada.slash(general, "memory card")
    assert card.modal["title"] == "A short text about you that I know in every …"
    await simcord_env.restart_bot(adapter.new_client())
    sent = await ada.submit_modal(shown, {"text": "Plays the viola."})
    assert sent.response.content.startswith("It says now: Plays the viola.")
    assert await about(rig, scope_of(origin)) == "Plays the viola."


@pytest.mark.behaviour("command.locale", "discord")
async def test_a_german_asker_is_answered_in_german(simcord_env, me, rig):
    guild = simcord_env.create_guild(preferred_locale="de")
    general = guild.create_text_channel("general")
    ada = guild.add_member(simcord_env.create_user("ada", global_name="Ada"))
    origin = Origin(platform="discord", team=str(guild.id), user=str(ada.id), room=str(general.id))
    await tell(rig, scope_of(origin), "I play the cello.", "Plays the cello.")

    async def answered(words):
        await ada.send(general, f"{me} !memory {words}")
        return ada.user.dm_channel.last_message.content

    assert "- Plays the cello. (du, " in await answered("show")
    asked = await answered("forget cello")
    assert asked.startswith("Das vergesse ich:\n- im Block `human`")
    assert asked.endswith("Vergessen: noch einmal dasselbe mit `--yes`")
    assert (await answered("forget cello --yes")).startswith(
        "Vergessen, mit allem, was daraus entstanden ist: 1 Zeile"
    )
    assert "`item` fehlt." in await answered("forget")
