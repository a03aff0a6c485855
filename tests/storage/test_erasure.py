"""Forgetting a person: what goes, what stays, and that the files hold nothing of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, StaleTurn
from engine.oversight import AuditRow
from engine.records import ArchivalSearch, RecallSearch
from engine.testing import HashEmbedder
from storage.erasure import (
    PastValue,
    Person,
    blotted,
    cleaned,
    forms_of,
    holds_words,
    unquoted,
)
from tests.storage.builders import (
    NOON,
    begin,
    block,
    direct,
    guild_room,
    later,
    message,
    passage,
    request,
    room,
    step,
    summary,
    talk,
    write,
)

SECRET = "xylophonequartz"
ADA, BEA = "slack:T1/U1", "slack:T1/U2"


class TestKeys:
    """A person is known by their keys, on Discord in every guild."""

    @pytest.mark.parametrize(
        ("principal", "key", "theirs"),
        [
            ("slack:T1/U1", "slack:T1/U1", True),
            ("slack:T1/U1", "slack:T2/U1", False),
            ("slack:T1/U1", "slack:T1/U11", False),
            ("discord:111/222", "discord:111/222", True),
            ("discord:111/222", "discord:*/222", True),
            ("discord:111/222", "discord:333/222", False),
            ("discord:*/222", "discord:333/222", True),
            ("discord:*/222", "discord:333/2222", False),
            ("discord:*/222", "slack:333/222", False),
        ],
    )
    def test_a_key_is_theirs_or_not(self, principal, key, theirs):
        assert Person.of(principal).is_key(key) is theirs

    def test_agents_of_one_person_are_theirs(self):
        assert Person.of("discord:111/222").owns_agent("discord:*/user/222")
        assert Person.of("slack:T1/U1").owns_agent("slack:T1/channel/C1/user/U1")
        assert not Person.of("slack:T1/U1").owns_agent("slack:T1/user/U11")
        assert not Person.of("slack:T1/C1").owns_agent("slack:T1/channel/C1")

    @pytest.mark.parametrize("key", ["", "U1", "slack/U1", "slack:T1", "slack:T1/user/U1", "/"])
    def test_what_is_no_person_is_refused(self, key):
        with pytest.raises(BadRequest):
            Person.of(key)


class TestCleaning:
    """Lines that came from a person leave every version of a block."""

    def clean(self, *history):
        return cleaned([PastValue(value, theirs) for value, theirs in history])

    def test_their_line_goes_and_others_stay(self):
        values = self.clean(("a", False), ("a\nhers", True), ("a\nhers\nb", False))
        assert values == ["a", "a", "a\nb"]

    def test_what_replaced_their_line_goes_too(self):
        assert self.clean(("", False), ("hers", True), ("hers, corrected\nb", False))[-1] == ""
        assert self.clean(("a\nb", False), ("a\nhers\nb", True), ("a\nhers!\nb", False)) == [
            "a\nb",
            "a\nb",
            "a\nb",
        ]

    def test_what_stood_there_before_and_was_put_back_stays(self):
        history = (("tea", False), ("coffee", True), ("tea", False))
        assert self.clean(*history) == ["tea", "", "tea"]

    def test_a_block_they_rewrote_is_as_it_was_before(self):
        assert self.clean(("persona", False), ("hers only", True))[-1] == "persona"

    def test_nothing_of_theirs_changes_nothing(self):
        assert self.clean(("a", False), ("a\nb", False)) == ["a", "a\nb"]

    @given(
        st.lists(
            st.tuples(st.lists(st.sampled_from("abcdef"), max_size=4), st.booleans()), max_size=8
        )
    )
    def test_no_line_that_they_brought_is_left(self, versions):
        history = [PastValue("\n".join(lines), theirs) for lines, theirs in versions]
        brought, before = set(), set()
        for past, value in zip(history, cleaned(history), strict=True):
            lines = set(past.value.splitlines())
            brought |= lines - before if past.theirs else set()
            before = lines
            assert not brought & set(value.splitlines())


class TestQuotes:
    """Another person's entry loses its quote of the forgotten, and nothing else."""

    def entry(self, quote):
        envelope = {"message": "I agree", "in_reply_to": quote}
        return json.dumps({"role": "user", "content": json.dumps(envelope)})

    def test_a_quote_of_theirs_is_taken_out(self):
        payload = self.entry({"name": "Ada", "message": "secret"})
        clean = unquoted(payload, lambda name, _: name == "Ada")
        assert "secret" not in clean
        assert json.loads(json.loads(clean)["content"]) == {"message": "I agree"}

    def test_other_quotes_stay(self):
        payload = self.entry({"name": "Bea", "message": "hi"})
        assert unquoted(payload, lambda name, _: name == "Ada") == payload

    @pytest.mark.parametrize("payload", ["", "in_reply_to", '{"content": "in_reply_to"}', "[1]"])
    def test_what_is_no_envelope_is_left_alone(self, payload):
        assert unquoted(payload, lambda *_: True) == payload

    def test_short_words_are_no_quote(self):
        assert not holds_words("yes and no", ["yes"])
        assert holds_words("[..] Ada: I live in Ulm.", ["I live in Ulm."])


async def plant(store):
    """A room where Ada has left a secret in everything there is, and Bea only her own words."""
    scope, other = room("U1"), room("U2")
    await talk(store, "Bea likes tea", scope=other, name="Bea")
    turn = await begin(store, f"My secret is {SECRET} one", scope=scope, name="Ada")
    blocks = [await block(store, scope, it) for it in ("room", f"human:{ADA}")]
    await store.commit_step(
        step(
            turn,
            says=[f"I keep {SECRET} two"],
            replies=[f"I keep {SECRET} three"],
            blocks=[write(one, f"{SECRET} four", source_key=turn.source_key) for one in blocks],
            passages=[passage(f"{SECRET} five", author=ADA, source_key=turn.source_key)],
        )
    )
    bea = await begin(store, "I agree", scope=other, name="Bea")
    shared = await block(store, other, "room")
    said = f"My secret is {SECRET} one"
    quote = {"message": "I agree", "in_reply_to": {"name": "Ada", "message": said}}
    await store.commit_step(
        step(
            bea,
            messages=[
                message(
                    "quoting",
                    scope=other,
                    turn_id=bea.id,
                    author=BEA,
                    author_name="Bea",
                    payload=json.dumps({"role": "user", "content": json.dumps(quote)}),
                )
            ],
            blocks=[write(shared, f"{shared.value}\nBea likes tea", author=BEA)],
            passages=[
                passage("Bea likes tea", author=BEA),
                passage(f"Ada: {said}", author="memory-agent", author_name=""),
            ],
        )
    )
    *_, early, last = [entry.seq for entry in (await store.load_window(scope)).queue]
    await store.save_flush(scope, summary(f"{SECRET} six", early - 1), [], later())
    await store.save_prepared_summary(scope, summary(f"{SECRET} seven", last, prepared=True), [])


class TestForgetting:
    """Everything about one person goes; what others said stays."""

    async def test_nothing_of_them_is_left_and_others_are(self, store):
        await plant(store)
        receipt = await store.forget(ADA, actor="op", at=later())
        window = await store.load_window(room("U2"))
        history = await store.block_history(room().agent_id, None)
        assert SECRET not in repr((window, history))
        for scope in (room("U1"), room("U2")):
            for search in (
                await store.search_recall(scope, RecallSearch(query=SECRET)),
                await store.search_archival(scope, ArchivalSearch(query=SECRET)),
            ):
                assert SECRET not in repr(search)
        left = [entry.text for entry in window.queue]  # some of which a summary had covered
        assert left == ["Bea likes tea", "Hi.", "I agree", "quoting"]
        assert (await block(store, room(), "room")).value == "Bea likes tea"
        found = await store.search_archival(room(), ArchivalSearch(query="tea"))
        assert [hit.text for hit in found.hits] == ["Bea likes tea"]
        assert (receipt.removed["messages"], receipt.removed["passages"]) == (2, 2)
        assert (receipt.removed["summaries"], receipt.removed["quotes"]) == (2, 1)
        assert receipt.removed["outbox"] + receipt.removed["turns"] == 2

    async def test_counters_are_right_afterwards(self, store):
        await plant(store)
        await store.forget(ADA, actor="op", at=later())
        counts = await store.counts(room())
        assert (counts.messages, counts.passages) == (4, 1)
        assert (await store.load_window(room())).counts == counts

    async def test_the_database_is_sound_afterwards(self, store):
        await plant(store)
        await store.forget(ADA, actor="op", at=later())
        assert await store.check() == []
        await talk(store, "Hello again", scope=room("U1"))

    async def test_their_own_agent_goes_whole(self, store):
        await talk(store, "private", scope=direct("U1"))
        await talk(store, "private", scope=direct("U2"))
        await store.forget(ADA, actor="op", at=later())
        assert [one.agent_id for one in await store.agents()] == [direct("U2").agent_id]

    async def test_a_discord_user_is_forgotten_in_one_guild_and_in_direct_messages(self, store):
        for scope in (guild_room(), guild_room(guild="333"), direct("222", "*", "discord")):
            await talk(store, SECRET, scope=scope)
        await store.forget("discord:111/222", actor="op", at=later())
        left = {one.agent_id: one.messages for one in await store.agents()}
        assert left == {guild_room().agent_id: 0, guild_room(guild="333").agent_id: 2}
        await store.forget("discord:*/222", actor="op", at=later())
        assert {one.messages for one in await store.agents()} == {0}

    async def test_another_tenant_keeps_its_own(self, store):
        await talk(store, scope=room("U1", team="T1"))
        await talk(store, scope=room("U1", team="T2"))
        await store.forget("slack:T2/U1", actor="op", at=later())
        assert (await store.counts(room())).messages == 2

    async def test_a_running_turn_of_the_agent_becomes_stale_and_goes_on_later(self, store):
        await talk(store, SECRET, scope=room("U1"))
        turn = await begin(store, "Hello", scope=room("U2"), name="Bea")
        await store.forget(ADA, actor="op", at=later())
        with pytest.raises(StaleTurn):
            await store.commit_step(step(turn, says=[f"Ada said {SECRET}"]))
        again = await store.next_turn(room().agent_id)
        await store.commit_step(step(again, says=["Hi Bea."]))

    async def test_their_own_running_turn_ends(self, store):
        turn = await begin(store, SECRET, scope=room("U1"))
        await store.forget(ADA, actor="op", at=later())
        with pytest.raises(StaleTurn):
            await store.commit_step(step(turn, says=["late"]))
        assert await store.next_turn(room().agent_id) is None

    async def test_a_summary_that_was_being_made_is_refused(self, store):
        await talk(store, SECRET, scope=room("U1"))
        await talk(store, "Hello", scope=room("U2"))
        late = summary(SECRET, 3, created_at=NOON)
        await store.forget(ADA, actor="op", at=later())
        with pytest.raises(StaleTurn):
            await store.save_flush(room("U2"), late, [], later(2))
        await store.save_prepared_summary(room("U2"), late, [])
        assert (await store.load_window(room("U2"))).prepared is None

    async def test_their_name_is_no_longer_among_the_speakers(self, store):
        await plant(store)
        await store.forget(ADA, actor="op", at=later())
        labels = [one.label for one in (await store.load_window(room("U2"))).blocks]
        assert labels == ["persona", "room", f"human:{BEA}"]

    async def test_it_is_noted_without_text_and_earlier_notes_lose_theirs(self, store):
        await plant(store)
        by_her = AuditRow(at=NOON, actor=ADA, action="edit", subject="x", detail=SECRET)
        await store.record_audit(by_her)
        await store.forget(ADA, actor="op", at=later())
        noted, earlier = await store.audit(5)
        assert (noted.action, noted.subject, noted.detail) == ("forget", ADA, "")
        assert earlier.detail == ""

    async def test_tokens_stay_counted(self, store):
        await plant(store)
        before = await store.usage(1, later())
        await store.forget(ADA, actor="op", at=later())
        assert await store.usage(1, later()) == before

    async def test_a_stranger_leaves_an_empty_receipt(self, store):
        receipt = await store.forget("slack:T1/U99", actor="op", at=NOON)
        assert receipt.removed == {}
        assert "backups" in receipt.remains

    async def test_it_can_be_done_twice(self, store):
        await plant(store)
        await store.forget(ADA, actor="op", at=later())
        assert (await store.forget(ADA, actor="op", at=later())).removed == {}


def bytes_of(folder):
    """All bytes of the database and what SQLite keeps beside it."""
    return {file.name: file.read_bytes().lower() for file in folder.glob("membot.db*")}


def holders(folder, text=SECRET):
    return [name for name, data in bytes_of(folder).items() if text.encode() in data]


async def repeat(store, words):
    """Bea asks for what Ada said, and is told it word for word."""
    bea = await begin(store, "What did Ada say?", scope=room("U2"), name="Bea")
    hits = json.dumps([{"who": "Ada", "text": words}])
    result = json.dumps({"status": "OK", "message": f"Showing 1 of 1 results: {hits}"})
    looked_up = message(
        "",
        scope=room("U2"),
        turn_id=bea.id,
        role="tool",
        kind="tool_result",
        searchable=False,
        payload=json.dumps({"role": "tool", "tool_call_id": "1", "content": result}),
    )
    told = f"Ada said: {words} That is all."
    answer = message(
        told,
        scope=room("U2"),
        turn_id=bea.id,
        payload=json.dumps({"role": "assistant", "content": told}, ensure_ascii=False),
    )
    await store.commit_step(step(bea, messages=[looked_up, answer], replies=[told]))


class TestRepeats:
    """What the bot repeated of somebody's words to other people goes with them."""

    WORDS = f'I keep the "{SECRET}" in a \\ böx,\nunder the bed'

    async def told(self, store):
        found = await store.search_recall(room("U2"), RecallSearch(query="Ada said all"))
        return [hit.text for hit in found.hits if hit.text.startswith("Ada said")]

    @pytest.mark.parametrize("who", ["everything", "the message"])
    async def test_leave_the_files_with_the_words(self, opener, tmp_path, who):
        store = await opener()
        scope = room("U1")
        turn = await begin(store, "placeholder", scope=scope, name="Ada")
        said = message(
            self.WORDS,
            scope=scope,
            turn_id=turn.id,
            role="user",
            kind="user_message",
            author=ADA,
            author_name="Ada",
            source_key="slack:T1/C1/said",
            payload="{}",
        )
        await store.commit_step(step(turn, messages=[said]))
        await repeat(store, self.WORDS)
        assert holders(tmp_path)
        if who == "everything":
            receipt = await store.forget(ADA, actor="op", at=later())
            assert receipt.removed["quotes"] == 2
        else:
            notice = message("Deleted.", scope=scope, role="user", kind="message_deleted")
            await store.delete_messages([(said, notice)], later())
            await store.finish_cleaning()
        assert holders(tmp_path) == []
        assert await self.told(store) == ["Ada said: [forgotten] That is all."]
        queue = (await store.load_window(room("U2"))).queue
        assert all(json.loads(entry.payload) for entry in queue if entry.role != "user")
        assert await store.check() == []

    async def test_stay_where_they_are_as_short_as_what_anybody_says(self, store):
        await talk(store, "Good morning", scope=room("U1"))
        await talk(store, "Hi", scope=room("U2"), name="Bea", answer="Good morning, Bea.")
        receipt = await store.forget(ADA, actor="op", at=later())
        assert "quotes" not in receipt.removed

    @given(st.text(min_size=8), st.text(), st.text())
    def test_no_word_is_left_however_deep_in_json(self, words, before, after):
        deep = json.dumps({"a": json.dumps({"b": [f"{before}{words}{after}"]})})
        left = json.loads(json.loads(blotted(deep, forms_of([words])))["a"])
        assert words not in left["b"][0].replace("[forgotten]", "") or words in "[forgotten]"


class TestRawBytes:
    """A scan of the files finds none of the planted text."""

    async def test_it_is_there_before(self, opener, tmp_path):
        store = await opener()
        await plant(store)
        assert holders(tmp_path)
        await store.close()

    async def test_forgetting_clears_file_log_and_word_index(self, opener, tmp_path):
        embedder = HashEmbedder()
        store = await opener(embedder=embedder)
        for number in range(30):
            await talk(store, f"{number} filler words", scope=room("U2"), name="Bea")
        await plant(store)
        await talk(store, f"direct {SECRET}", scope=direct("U1"))
        await store.accept(request(f"waiting {SECRET}", scope=room("U1")))
        await store.load_window(room())
        receipt = await store.forget(ADA, actor="op", at=later())
        assert holders(tmp_path) == []
        assert "log" not in receipt.remains
        await store.close()
        assert holders(tmp_path) == []

    async def test_words_that_only_the_index_holds_are_cleared(self, opener, tmp_path):
        store = await opener()
        await talk(store, "The unicornpony is mine", scope=direct("U1"))
        await store.reset(direct("U1").agent_id, conversation_only=False, actor="op", at=NOON)
        assert holders(tmp_path, "unicornponi") == []
        assert holders(tmp_path, "unicornpony") == []
        await store.close()
