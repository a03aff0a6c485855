"""Promise: what is out of date is replaced or let go, kept, marked, and found when asked for."""

import json

from engine.records import ArchivalSearch
from engine.testing import call, calls
from tests.engine.builders import dm_scope


def results_in(request):
    entries = [json.loads(text) for text in request.messages]
    return [json.loads(item["content"]) for item in entries if item["role"] == "tool"]


async def only_hit(rig):
    page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query="party"))
    (hit,) = page.hits
    return hit


async def stored(rig, text="The party is on Monday."):
    """The id of a passage that was stored in a turn of its own."""
    rig.script(
        call("archival_memory_insert", content=text, request_heartbeat=True),
        call("send_message", message="Stored."),
    )
    await rig.say("Remember the party")
    return (await only_hit(rig)).id


async def tried(rig, name, **arguments):
    """What a call of the model comes to."""
    rig.script(
        call(name, request_heartbeat=True, **arguments), call("send_message", message="Done.")
    )
    await rig.say("It has changed")
    return results_in(rig.model.requests[-1])[-1]


class TestFactsInTime:
    async def test_an_update_shows_the_new_text_and_keeps_where_it_came_from(self, rig):
        old = await stored(rig)
        new = "The party is on Friday."
        assert (await tried(rig, "archival_memory_update", passage_id=old, content=new))[
            "status"
        ] == "OK"
        hit = await only_hit(rig)
        assert (hit.text, hit.id == old, hit.source_key is not None) == (new, False, True)

    async def test_what_was_let_go_is_not_found(self, rig):
        old = await stored(rig)
        await tried(rig, "archival_memory_delete", passage_id=old)
        page = await rig.store.search_archival(dm_scope(), ArchivalSearch(query="party"))
        assert page.hits == ()

    async def test_what_was_let_go_is_in_the_history_and_can_be_taken_back(self, rig):
        old = await stored(rig)
        rig.clock.advance(60)
        await tried(rig, "archival_memory_delete", passage_id=old)
        newest, *_ = await rig.store.changes(dm_scope(), 10)
        assert (newest.author, newest.operation) == ("console:local/ada", "archival_memory_delete")
        assert [piece.removed for piece in newest.pieces] == [["The party is on Monday."]]
        at = rig.clock.advance(60)
        assert await rig.store.undo(dm_scope(), newest.id, actor="console:local/ada", at=at)
        assert (await only_hit(rig)).id == old

    async def test_a_search_of_the_past_marks_what_was_superseded(self, rig):
        old = await stored(rig)
        await tried(rig, "archival_memory_update", passage_id=old, content="Party: Friday.")
        shown = await tried(rig, "archival_memory_search", query="party", end_date="2026-12-31")
        rows = json.loads(shown["message"].partition("): ")[2])
        marked = [row["text"] for row in rows if "superseded" in row]
        assert marked == ["The party is on Monday."]

    async def test_an_old_or_foreign_id_is_a_failure_that_says_what_to_do(self, rig):
        old = await stored(rig)
        await tried(rig, "archival_memory_delete", passage_id=old)
        for wrong in (old, "01NOTHING"):
            shown = await tried(rig, "archival_memory_update", passage_id=wrong, content="x")
            assert (shown["status"], "search" in shown["message"]) == ("Failed", True)

    async def test_one_answer_may_store_and_correct_in_one_step(self, rig):
        old = await stored(rig)
        rig.script(
            call("archival_memory_update", passage_id=old, content="Two", request_heartbeat=True)
        )
        rig.script(call("send_message", message="Done."))
        await rig.say("Change it")
        assert (await rig.store.counts(dm_scope())).passages == 1

    async def test_the_same_said_twice_in_one_answer_is_stored_once(self, rig):
        said = ("The party is on Monday.", "the party is on Monday", "It is at noon.")
        rig.script(calls(*(("archival_memory_insert", {"content": text}) for text in said)))
        rig.script(call("send_message", message="Stored."))
        await rig.say("Remember the party")
        assert (await rig.store.counts(dm_scope())).passages == 2

    async def test_what_one_answer_lets_go_of_is_not_in_the_way_of_storing_it_anew(self, rig):
        old = await stored(rig)
        rig.script(
            calls(
                ("archival_memory_delete", {"passage_id": old}),
                ("archival_memory_insert", {"content": "The party is on Monday."}),
            )
        )
        rig.script(call("send_message", message="Stored."))
        await rig.say("Store it anew")
        assert (await only_hit(rig)).id != old
