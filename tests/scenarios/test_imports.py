"""Promise: what was said elsewhere is found here, under its author's name, and can be forgotten."""

import json
import zipfile

import pytest

from tests.bots.processes import is_one_plain_sentence, membot

GENERAL = "slack:T1/channel/C2"
ROOM = "discord:111/channel/5"
SAM = "console:local/user/sam"


def slack_export(file, *, join=True):
    """A zip as Slack makes it: two people, a thread, a join, a bot and a direct message."""
    said = [
        ("U1", "<@U2> our zebra lives in <#C2|general> &amp; eats hay", "1577923200.000100", None),
        ("U2", "Thanks, noted", "1577923260.000200", "1577923200.000100"),
    ]
    day = [
        {"type": "message", "user": user, "text": text, "ts": ts, "thread_ts": thread}
        for user, text, ts, thread in said
    ]
    day += [
        {"type": "message", "subtype": "channel_join", "user": "U2", "ts": "1577923261.000100"},
        {"type": "message", "bot_id": "B1", "text": "beep", "ts": "1577923262.000100"},
    ]
    people = [
        {"id": "U1", "team_id": "T1", "name": "ada", "profile": {"display_name": "Ada"}},
        {"id": "U2", "team_id": "T1", "name": "bob", "profile": {"real_name": "Bob"}},
    ]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("users.json", json.dumps(people))
        archive.writestr("channels.json", json.dumps([{"id": "C2", "name": "general"}]))
        archive.writestr("dms.json", json.dumps([{"id": "D1", "members": ["U1", "U2"]}]))
        archive.writestr("general/2020-01-02.json", json.dumps(day))
        archive.writestr("D1/2020-01-02.json", json.dumps([{"user": "U1", "text": "secret"}]))
    return file


def discord_file(file):
    author = {"id": "333", "name": "carl", "nickname": "Carl", "isBot": False}
    messages = [
        {
            "id": "1001",
            "type": "Default",
            "timestamp": "2021-05-05T10:00:00.123+02:00",
            "content": "the zebra escaped",
            "author": author,
        },
        {"id": "1002", "type": "ChannelPinnedMessage", "author": author},
    ]
    channel = {"id": "5", "type": "GuildTextChat", "categoryId": "9", "name": "general"}
    file.write_text(json.dumps({"guild": {"id": "111"}, "channel": channel, "messages": messages}))
    return file


def agent_file(file):
    call = {"function": {"name": "send_message", "arguments": '{"message": "A real zebra?"}'}}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "You are Sam"}]},
        {"role": "user", "content": [{"type": "text", "text": "I keep a zebra"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "hm"}], "tool_calls": [call]},
    ]
    for minute, message in enumerate(messages):
        message["created_at"] = f"2025-10-31T22:5{minute}:00+00:00"
    document = {
        "agents": [{"name": "Sam", "block_ids": ["block-0"], "messages": messages}],
        "blocks": [{"id": "block-0", "label": "human", "value": "Name: Chad", "limit": 20_000}],
        "tools": [{"name": "cancel_order", "source_code": "boom()"}],
    }
    file.write_text(json.dumps(document))
    return file


MAKERS = {GENERAL: slack_export, ROOM: discord_file, SAM: agent_file}


async def found(folder, agent, query="zebra"):
    return (await membot(folder, "search", agent, query, "--json")).out


class TestEveryFormat:
    @pytest.fixture(params=MAKERS)
    def case(self, request, tmp_path):
        return tmp_path, request.param, str(MAKERS[request.param](tmp_path / "export"))

    async def test_is_found_by_search(self, case):
        folder, agent, file = case
        assert (await membot(folder, "import", file)).code == 0
        assert "zebra" in await found(folder, agent)

    async def test_a_dry_run_says_the_same_and_changes_nothing(self, case):
        folder, agent, file = case
        dry = await membot(folder, "import", file, "--dry-run")
        assert agent in dry.out
        assert agent not in (await membot(folder, "agents", "--json")).out
        wet = await membot(folder, "import", file)
        assert dry.out.splitlines()[1:] == wet.out.splitlines()[1:]

    async def test_twice_changes_nothing(self, case):
        folder, _, file = case
        await membot(folder, "import", file)
        before = (await membot(folder, "agents", "--json")).out
        again = await membot(folder, "import", file)
        assert "0 messages" in again.out
        assert (await membot(folder, "agents", "--json")).out == before


class TestSlack:
    async def test_tells_who_said_what_and_what_was_left_out(self, tmp_path):
        read = await membot(tmp_path, "import", str(slack_export(tmp_path / "s.zip")))
        assert "2 messages, 2 people, 2020-01-02 to 2020-01-02" in read.out
        assert "1 conversations of direct messages" in read.out
        assert "1 messages of bots" in read.out
        hits = json.loads(await found(tmp_path, GENERAL))["hits"]
        assert hits[0]["who"] == "Ada"
        assert hits[0]["text"] == "@Bob our zebra lives in #general & eats hay"

    async def test_a_person_can_be_forgotten(self, tmp_path):
        await membot(tmp_path, "import", str(slack_export(tmp_path / "s.zip")))
        assert (await membot(tmp_path, "forget", "slack:T1/U1", "--yes")).code == 0
        assert "zebra" not in await found(tmp_path, GENERAL)
        for file in tmp_path.glob("membot.db*"):
            assert b"zebra" not in file.read_bytes()


class TestLetta:
    async def test_the_person_goes_on_talking_where_they_were(self, tmp_path):
        read = await membot(tmp_path, "import", str(agent_file(tmp_path / "sam.af")))
        assert "1 tools, whose code is never run here: cancel_order" in read.out
        assert "Name: Chad" in (await membot(tmp_path, "show", SAM)).out
        asked = await membot(tmp_path, "chat", "--user", "sam", text="Tell me about my zebra\n")
        assert "zebra" in asked.out


class TestRefusals:
    @pytest.mark.parametrize(
        "content", [b"", b"hello", b"[1]", b'{"a": 1}', b"PK\x03\x04 no zip", b'"text"', b"{"]
    )
    async def test_an_unknown_file_gets_one_sentence(self, tmp_path, content):
        file = tmp_path / "file"
        file.write_bytes(content)
        read = await membot(tmp_path, "import", str(file))
        assert read.code == 2
        assert is_one_plain_sentence(read.err)

    async def test_a_file_cut_off_changes_nothing(self, tmp_path):
        file = discord_file(tmp_path / "d.json")
        file.write_bytes(file.read_bytes()[:-5])
        read = await membot(tmp_path, "import", str(file))
        assert read.code == 2
        assert is_one_plain_sentence(read.err)
        assert ROOM not in (await membot(tmp_path, "agents", "--json")).out
