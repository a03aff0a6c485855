"""Reading what other programs exported: what becomes of it, what is left out, what is refused."""

import json
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest

from bots.imports.discord_exporter import DiscordExport
from bots.imports.importing import Import, format_of
from bots.imports.letta import LettaFile
from bots.imports.reading import Limits
from bots.imports.slack_export import SlackExport
from bots.routing import scope_of
from bots.slack_bot.events import read_message
from bots.slack_bot.identity import Identity
from engine.errors import ArchiveRefused, BadRequest
from engine.testing import FixedClock
from tests.fixtures.exports import agent_file, discord_file, slack_export

TS = "1577923200.000100"


def everything(export):
    """All portions of a file as (agent, message), with the other parts left aside."""
    return [(part.agent_id, item) for part in export.portions() for item in part.messages]


def said(export):
    return [item for _, item in everything(export)]


def slack(file, *records, members=None, **lists):
    """A Slack export with one day of one channel, or with other members and lists."""
    lists = {"channels": [{"id": "C2", "name": "general"}]} | lists
    lists.setdefault("users", [{"id": "U1", "team_id": "T1", "name": "ada"}])
    with zipfile.ZipFile(file, "w") as archive:
        for name, rows in lists.items():
            archive.writestr(f"{name}.json", json.dumps(rows))
        for name, rows in (members or {"general/2020-01-02.json": records}).items():
            archive.writestr(name, json.dumps(rows))
    return file


def message(text="hello", **changes):
    return {"type": "message", "user": "U1", "text": text, "ts": TS} | changes


def discord(file, *records, channel=None, guild="111"):
    channel = {"id": "5", "type": "GuildTextChat", "categoryId": "9", "name": "general"} | (
        channel or {}
    )
    document = {"guild": {"id": guild, "name": "G"}, "channel": channel, "messages": records}
    file.write_text(json.dumps(document))
    return file


def post(content="hello", **changes):
    author = {"id": "333", "name": "carl", "nickname": "Carl", "isBot": False}
    entry = {"id": "1001", "type": "Default", "timestamp": "2021-05-05T10:00:00.123+02:00"}
    return entry | {"content": content, "author": author} | changes


@pytest.fixture
def file(tmp_path):
    return tmp_path / "export"


class TestRecognising:
    @pytest.mark.parametrize(
        ("make", "kind"),
        [(slack_export, SlackExport), (discord_file, DiscordExport), (agent_file, LettaFile)],
    )
    def test_goes_by_what_is_in_the_file(self, file, make, kind):
        assert format_of(make(file)) is kind

    def test_an_archive_of_our_own_is_left_to_its_reader(self, file):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("manifest.json", "{}")
        assert format_of(file) is None

    def test_an_export_that_begins_with_a_byte_order_mark_is_read(self, file):
        discord_file(file)
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        assert format_of(file) is DiscordExport
        assert len(said(DiscordExport(file))) == 1

    @pytest.mark.parametrize("content", [b"", b"hello", b"[1]", b'{"a": 1}', b"{}", b"\x00" * 99])
    def test_anything_else_gets_a_sentence_with_the_formats(self, file, content):
        file.write_bytes(content)
        with pytest.raises(ArchiveRefused, match="Slack export"):
            format_of(file)

    def test_a_zip_of_something_else_does_too(self, file):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("notes.txt", "hello")
        with pytest.raises(ArchiveRefused, match="Slack export"):
            format_of(file)

    @pytest.mark.parametrize("content", [b"PK\x03\x04 no zip", b"{", b'{"a": }'])
    def test_a_damaged_one_is_said_to_be(self, file, content):
        file.write_bytes(content)
        with pytest.raises(ArchiveRefused, match="damaged"):
            format_of(file)


class TestSlack:
    def test_a_message_gets_the_keys_of_the_live_adapter(self, file):
        record = message("hi", thread_ts="1577923100.000000")
        body = {"team_id": "T1", "event": {**record, "channel": "C2", "channel_type": "channel"}}
        live = read_message(body, Identity(team="T1", user="UBOT", bot="B1"))
        ((agent, item),) = everything(SlackExport(slack(file, record)))
        assert agent == scope_of(live.origin).agent_id
        assert item.source_key == live.source_key
        assert item.author == live.origin.principal
        assert item.sent_at == live.sent_at

    def test_a_thread_is_named_by_its_root_and_the_root_is_not_in_it(self, file):
        root, reply = message(thread_ts=TS), message(ts="1577923300.000000", thread_ts=TS)
        first, second = said(SlackExport(slack(file, root, reply)))
        assert (first.thread, second.thread) == (None, first.source_key)

    def test_text_is_what_people_see(self, file):
        (item,) = said(
            SlackExport(
                slack(
                    file,
                    message(
                        "<@U1> &lt;b&gt; <https://a.b|site> <!here>",
                        files=[{"name": "plan.pdf"}],
                        subtype="file_share",
                    ),
                )
            )
        )
        assert item.text == "@ada <b> site (https://a.b) @here\n[file: plan.pdf]"

    def test_what_somebody_says_they_do_is_said(self, file):
        (item,) = said(SlackExport(slack(file, message("waves", subtype="me_message"))))
        assert item.text == "waves"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"subtype": "channel_join"}, "notices of joins and the like"),
            ({"subtype": "bot_message"}, "messages of bots and apps"),
            ({"bot_id": "B1"}, "messages of bots and apps"),
            ({"user": "USLACKBOT"}, "messages of bots and apps"),
            ({"user": None}, "messages without an author"),
            ({"ts": "soon"}, "messages without a time"),
            ({"ts": "999999999999.0"}, "messages without a time"),
            ({"text": " "}, "messages without text"),
            ({"text": "x" * 100_001}, "messages of more than 100,000 characters"),
        ],
    )
    def test_what_nobody_said_is_left_out_and_counted(self, file, changes, reason):
        export = SlackExport(slack(file, message(**changes)))
        assert said(export) == []
        assert export.skipped == {reason: 1}

    def test_private_channels_and_group_messages_are_rooms_and_direct_ones_stay_out(self, file):
        days = {f"{room}/2020-01-02.json": [message()] for room in ("secret", "mpdm-a--b-1", "D1")}
        export = SlackExport(
            slack(
                file,
                members=days,
                channels=[],
                groups=[{"id": "G1", "name": "secret"}],
                mpims=[{"id": "G2", "name": "mpdm-a--b-1"}],
                dms=[{"id": "D1"}],
            )
        )
        places = {part.agent_id: part.place_name for part in export.portions()}
        assert places == {
            "slack:T1/channel/G1": "#secret",
            "slack:T1/channel/G2": "group message",
        }
        assert export.skipped == {"conversations of direct messages": 1}

    def test_days_come_in_order(self, file):
        days = ["2020-01-10", "2019-12-31", "2020-01-02"]
        members = {
            f"general/{day}.json": [
                message(day, ts=f"{datetime.fromisoformat(f'{day}T00:00Z').timestamp():.6f}")
            ]
            for day in days
        }
        assert [item.text for item in said(SlackExport(slack(file, members=members)))] == sorted(
            days
        )

    def test_an_export_packed_anew_in_a_folder_is_read(self, file):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("export/users.json", '[{"id": "U1", "team_id": "T1"}]')
            archive.writestr("export/channels.json", '[{"id": "C2", "name": "general"}]')
            archive.writestr("export/general/2020-01-02.json", json.dumps([message()]))
        assert format_of(file) is SlackExport
        assert len(said(SlackExport(file))) == 1

    def test_the_team_is_that_of_most_people(self, file):
        people = [{"id": f"U{n}", "team_id": team} for n, team in enumerate(("T9", "T1", "T1"))]
        ((agent, _),) = everything(SlackExport(slack(file, message(), users=people)))
        assert agent == "slack:T1/channel/C2"

    def test_else_the_team_is_that_of_a_message(self, file):
        export = SlackExport(slack(file, message(), message(team="T5", ts="1.0"), users=[]))
        assert everything(export)[0][0] == "slack:T5/channel/C2"

    def test_a_team_that_cannot_be_told_is_asked_for(self, file):
        slack(file, message(), users=[])
        with pytest.raises(ArchiveRefused, match="--as slack:TEAM"):
            everything(SlackExport(file))
        ((agent, item),) = everything(SlackExport(file, "slack:T7"))
        assert (agent, item.author) == ("slack:T7/channel/C2", "slack:T7/U1")

    def test_one_channel_can_go_to_another_room(self, file):
        slack(file, message())
        ((agent, item),) = everything(SlackExport(file, "slack:T1/channel/C9"))
        assert agent == "slack:T1/channel/C9"
        assert item.source_key == f"slack:T1/C2/{TS}"

    def test_people_stay_of_their_own_team_wherever_it_goes(self, file):
        slack(file, message())
        ((agent, item),) = everything(SlackExport(file, "slack:T9/channel/C9"))
        assert (agent, item.author) == ("slack:T9/channel/C9", "slack:T1/U1")

    def test_an_export_without_channels_needs_no_team(self, file):
        assert everything(SlackExport(slack(file, channels=[], users=[]))) == []

    def test_several_channels_cannot_go_to_one_agent_nor_a_room_to_a_person(self, file):
        slack(file, message())
        with pytest.raises(BadRequest, match="name a room's agent"):
            everything(SlackExport(file, "slack:T1/user/U1"))
        rooms = [{"id": "C2", "name": "general"}, {"id": "C3", "name": "other"}]
        days = {f"{room['name']}/2020-01-02.json": [message()] for room in rooms}
        slack(file, members=days, channels=rooms)
        with pytest.raises(BadRequest, match="2 channels"):
            everything(SlackExport(file, "slack:T1/channel/C9"))


class TestDiscord:
    def test_a_message_has_author_time_and_the_live_adapters_key(self, file):
        ((agent, item),) = everything(DiscordExport(discord(file, post())))
        assert agent == "discord:111/channel/5"
        assert (item.source_key, item.author, item.author_name) == (
            "discord:5/1001",
            "discord:111/333",
            "Carl",
        )
        assert item.sent_at == datetime(2021, 5, 5, 8, 0, 0, 123000, UTC)

    def test_a_thread_belongs_to_its_parents_agent(self, file):
        thread = {"id": "77", "type": "GuildPublicThread", "name": "plans"}
        parent = {"categoryId": "5", "category": "general"}
        export = DiscordExport(discord(file, post(), channel=thread | parent))
        (part,) = export.portions()
        assert (part.agent_id, part.place_name) == ("discord:111/channel/5", "#general")
        assert part.messages[0].place_name == "plans"
        assert part.messages[0].thread == "discord:77"
        assert part.messages[0].source_key == "discord:77/1001"

    def test_text_is_what_people_see_also_where_markup_was_left_raw(self, file):
        record = post(
            "<@222> see <#9> <:wave:12345>",
            mentions=[{"id": "222", "name": "dora", "nickname": "Dora"}],
            stickers=[{"name": "hi"}],
            attachments=[{"fileName": "a.png"}],
            forwardedMessage={"content": "from elsewhere"},
        )
        (item,) = said(DiscordExport(discord(file, record)))
        assert item.text.splitlines() == [
            "@Dora see #channel :wave:",
            "from elsewhere",
            "[sticker: hi]",
            "[file: a.png]",
        ]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"type": "GuildMemberJoin"}, "notices of joins and the like"),
            ({"type": "20"}, "notices of joins and the like"),
            ({"author": {"id": "1", "isBot": True}}, "messages of bots and apps"),
            ({"author": None}, "messages without an author"),
            ({"timestamp": "yesterday"}, "messages without a time"),
            ({"content": ""}, "messages without text"),
        ],
    )
    def test_what_nobody_said_is_left_out_and_counted(self, file, changes, reason):
        export = DiscordExport(discord(file, post(**changes)))
        assert said(export) == []
        assert export.skipped == {reason: 1}

    def test_direct_messages_stay_out(self, file):
        export = DiscordExport(discord(file, post(), guild="0"))
        assert said(export) == []
        assert export.skipped == {"conversations of direct messages": 1}

    def test_portions_are_bounded_and_in_order_of_time(self, file):
        times = [f"2021-05-05T10:{59 - n // 60:02}:{59 - n % 60:02}+00:00" for n in range(600)]
        records = [post(id=str(n), timestamp=time) for n, time in enumerate(times)]
        parts = list(DiscordExport(discord(file, *records)).portions())
        assert [len(part.messages) for part in parts] == [250, 250, 100]
        for part in parts:
            assert list(part.messages) == sorted(part.messages, key=lambda item: item.sent_at)


class TestLetta:
    def test_words_that_were_sent_are_kept_and_thoughts_are_not(self, file):
        export = LettaFile(agent_file(file))
        asked, answered = said(export)
        assert (asked.role, asked.text, asked.author) == (
            "user",
            "I keep a zebra",
            "console:local/sam",
        )
        assert (answered.role, answered.text, answered.author) == (
            "assistant",
            "A real zebra?",
            None,
        )
        assert export.skipped == {"system messages and events": 1}

    def test_envelopes_of_memgpt_are_opened_and_its_events_left_out(self, file):
        contents = [
            '{"type": "user_message", "message": "hello", "time": "now"}',
            '{"type": "heartbeat", "reason": "timed"}',
        ]
        messages = [
            {"role": "user", "content": text, "created_at": "2025-01-01T00:00:00"}
            for text in contents
        ]
        file.write_text(json.dumps({"agents": [{"name": "Sam", "messages": messages}]}))
        assert [item.text for item in said(LettaFile(file))] == ["hello"]

    def test_the_layout_with_one_agent_is_read(self, file):
        agent = {
            "agent_type": "memgpt_agent",
            "name": "Sam",
            "core_memory": [{"label": "persona", "value": "I am Sam.", "limit": 5000}],
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "hi"}],
                    "created_at": "2025-01-01T00:00:00",
                }
            ],
        }
        file.write_text(json.dumps(agent))
        assert format_of(file) is LettaFile
        first, second = LettaFile(file).portions()
        assert (first.blocks[0].label, first.blocks[0].limit_chars) == ("persona", 5000)
        assert second.messages[0].text == "hi"

    def test_a_file_written_as_a_json_text_is_read(self, file):
        agent_file(file)
        file.write_text(json.dumps(file.read_text()))
        assert format_of(file) is LettaFile
        assert len(said(LettaFile(file))) == 2

    def test_blocks_keep_their_limits_and_hold_what_they_hold(self, file):
        blocks = [
            {"id": "b0", "label": "human", "value": "x" * 30, "limit": 10, "read_only": True},
            {"id": "b1", "label": "not of this agent", "value": ""},
            {"id": "b2", "label": "human:slack:T1/U2", "value": "", "limit": "many"},
        ]
        agent = {"name": "Sam", "block_ids": ["b0", "b2"], "messages": []}
        file.write_text(json.dumps({"agents": [agent], "blocks": blocks}))
        ((human, other),) = [part.blocks for part in LettaFile(file).portions()]
        assert (human.limit_chars, human.read_only) == (30, True)
        assert (other.label, other.limit_chars) == ("human_slack_T1/U2", 2000)

    def test_passages_go_to_archival_memory(self, file):
        passage = {"text": "The code is 4711.", "tags": ["door"], "created_at": "2025-01-01T00:00"}
        file.write_text(json.dumps({"agents": [{"name": "Sam", "passages": [passage, {}]}]}))
        ((found,),) = [part.passages for part in LettaFile(file).portions()]
        assert (found.text, found.tags) == ("The code is 4711.", ("door",))

    def test_a_message_has_the_same_key_in_every_export(self, file):
        first = said(LettaFile(agent_file(file)))
        document = json.loads(file.read_text())
        del document["agents"][0]["messages"][0]
        file.write_text(json.dumps(document))
        assert [it.source_key for it in said(LettaFile(file))] == [it.source_key for it in first]

    def test_goes_to_a_person_of_any_platform_and_to_no_room(self, file):
        agent_file(file)
        ((agent, item), _) = everything(LettaFile(file, "discord:*/user/222"))
        assert (agent, item.author) == ("discord:*/user/222", "discord:*/222")
        with pytest.raises(BadRequest, match="nobody's agent"):
            everything(LettaFile(file, "slack:T1/channel/C2"))

    def test_several_agents_cannot_become_one(self, file):
        file.write_text(json.dumps({"agents": [{"name": "Sam"}, {"name": "Max"}]}))
        with pytest.raises(BadRequest, match="2 agents"):
            everything(LettaFile(file, "console:local/user/ada"))

    def test_tools_are_named_and_nothing_else(self, file):
        export = LettaFile(agent_file(file))
        list(export.portions())
        assert export.notes == ["Not read: 1 tools, whose code is never run here: cancel_order."]


class TestBounds:
    """A file may be made to hurt."""

    def refused(self, export):
        with pytest.raises(ArchiveRefused):
            everything(export)

    @pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "a\\b.json", "x/../../y.json"])
    def test_a_name_that_leads_out_of_the_zip(self, file, name):
        slack(file, message())
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(name, "[]")
        self.refused(SlackExport(file))

    def test_more_members_than_are_read(self, file):
        slack(file, message())
        self.refused(SlackExport(file, limits=Limits(members=2)))

    def test_a_zip_that_unpacks_to_more_than_is_read(self, file):
        with zipfile.ZipFile(slack(file, message()), "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("general/2020-01-03.json", b"[" + b" " * 10_000_000 + b"]")
        self.refused(SlackExport(file, limits=Limits(bytes=1_000_000)))
        self.refused(SlackExport(file))

    def test_a_message_larger_than_is_read(self, file):
        discord(file, post("x" * 500_000))
        self.refused(DiscordExport(file, limits=Limits(item_bytes=200_000)))

    def test_the_bound_is_of_each_message_and_not_of_all(self, file):
        records = [post("x" * 900, id=str(number)) for number in range(1_000)]
        discord(file, *records)
        assert len(said(DiscordExport(file, limits=Limits(item_bytes=200_000)))) == 1_000

    @pytest.mark.parametrize("bracket", ["[", '{"a":'])
    def test_nesting_without_end(self, file, bracket):
        discord(file, post())
        head = file.read_text().split('"messages": [')[0]
        file.write_text(f'{head}"messages": [{bracket * 300_000}')
        self.refused(DiscordExport(file))

    def test_a_bracket_in_many_messages_is_no_nesting(self, file):
        records = [post("[" * 300, id=str(number)) for number in range(300)]
        assert len(said(DiscordExport(discord(file, *records)))) == 300

    def test_an_agent_file_too_large_to_be_read_whole(self, file):
        self.refused(LettaFile(agent_file(file), limits=Limits(document_bytes=100)))

    def test_an_encrypted_or_shortened_zip(self, file):
        slack(file, message())
        content = bytearray(file.read_bytes())
        for mark in (b"PK\x03\x04", b"PK\x01\x02"):
            place = content.find(mark)
            while place >= 0:
                content[place + (6 if mark.endswith(b"\x04") else 8)] |= 1
                place = content.find(mark, place + 4)
        file.write_bytes(content)
        self.refused(SlackExport(file))
        file.write_bytes(content[:-30])
        self.refused(SlackExport(file))

    def test_memory_does_not_grow_with_the_file(self, file):
        def peak(count):
            discord(file, *(post("x" * 300, id=str(number)) for number in range(count)))
            tracemalloc.start()
            for _ in DiscordExport(file).portions():
                pass
            found = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return found

        peak(10)  # what is imported late
        assert peak(8_000) < 1.5 * peak(2_000)


class TestKeys:
    @pytest.mark.parametrize("key", ["ada", "slack:T1/room/C2", "slack:", "irc:x/channel/y"])
    def test_what_is_no_key_is_said_to_be_none(self, file, key):
        with pytest.raises(BadRequest, match="not the key of an agent"):
            Import(None, LettaFile, agent_file(file), key, FixedClock())
