"""Whatever a file holds: it is read, or refused in one sentence."""

import json
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.imports.discord_exporter import DiscordExport
from bots.imports.importing import format_of
from bots.imports.letta import LettaFile
from bots.imports.reading import Depth
from bots.imports.slack_export import SlackExport
from engine.errors import ArchiveRefused

FAST = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["U1", "C2", "T1", "1577923200.000100", "2021-05-05T10:00:00+02:00", "5"]),
)
values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)


def like(fields):
    """Objects of nearly the right shape: a field is as it should be, odd, or missing."""
    given = {name: st.one_of(right, values) for name, right in fields.items()}
    return st.one_of(values, st.fixed_dictionaries({}, optional=given))


def some(fields):
    return st.one_of(values, st.lists(like(fields), max_size=4))


texts = st.text(max_size=20) | st.sampled_from(["<@U1> hi", "<#C2|x>", "<@1>", "\ud800", "[", "<"])
numbers = st.sampled_from(["1", "22", "1577923200.000100", "9" * 30])
moments = st.sampled_from(["2021-05-05T10:00:00+02:00", "0001-01-01T00:00:00+14:00", "x"])

discord = like(
    {
        "guild": like({"id": numbers}),
        "channel": like(
            {"id": numbers, "type": st.sampled_from(["GuildTextChat", "GuildPublicThread"])}
        ),
        "messages": some(
            {
                "id": numbers,
                "type": st.just("Default"),
                "timestamp": moments,
                "content": texts,
                "author": like({"id": numbers, "name": texts, "nickname": texts}),
                "mentions": some({"id": numbers, "name": texts}),
                "attachments": some({"fileName": texts}),
                "forwardedMessage": like({"content": texts}),
            }
        ),
    }
)
letta = like(
    {
        "agents": some(
            {
                "name": texts,
                "block_ids": st.lists(values, max_size=3),
                "messages": some(
                    {
                        "role": st.sampled_from(["user", "assistant", "tool", "system"]),
                        "content": texts | some({"type": st.just("text"), "text": texts}),
                        "created_at": moments,
                        "tool_calls": some(
                            {
                                "function": like(
                                    {"name": st.just("send_message"), "arguments": texts}
                                )
                            }
                        ),
                    }
                ),
                "passages": some({"text": texts, "created_at": moments, "tags": values}),
            }
        ),
        "blocks": some({"id": texts, "label": texts, "value": texts, "limit": st.integers()}),
        "tools": some({"name": texts}),
        "core_memory": some({"label": texts, "value": texts}),
    }
)
people = some({"id": st.just("U1"), "team_id": st.just("T1"), "name": texts, "profile": values})
rooms = some({"id": st.just("C2"), "name": st.just("general")})
day = some(
    {
        "user": st.just("U1"),
        "ts": numbers,
        "thread_ts": numbers,
        "text": texts,
        "team": st.just("T1"),
        "files": some({"name": texts}),
        "user_profile": values,
    }
)


def read(file, kind):
    """All of a file, or a refusal; anything else is a fault."""
    try:
        return [part for part in kind(file).portions() if part.messages or part.blocks]
    except ArchiveRefused as refusal:
        return str(refusal)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "export"


class TestAnyBytes:
    @FAST
    @given(content=st.binary(max_size=200))
    def test_are_of_a_format_or_refused(self, file, content):
        file.write_bytes(content)
        with suppress(ArchiveRefused):
            format_of(file)

    @pytest.mark.parametrize("kind", [DiscordExport, LettaFile, SlackExport])
    @FAST
    @given(content=st.binary(max_size=200))
    def test_are_read_or_refused_by_every_reader(self, file, kind, content):
        file.write_bytes(content)
        read(file, kind)

    @FAST
    @given(content=st.binary(max_size=60), at=st.integers(0, 400))
    def test_written_over_a_good_zip_are_too(self, file, content, at):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("users.json", '[{"id": "U1", "team_id": "T1"}]')
            archive.writestr("channels.json", '[{"id": "C2", "name": "general"}]')
            archive.writestr("general/2020-01-02.json", '[{"user": "U1", "ts": "1.0"}]')
        whole = bytearray(file.read_bytes())
        whole[at : at + len(content)] = content
        file.write_bytes(whole)
        read(file, SlackExport)


def depth_of(value):
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, dict | list) else 0


class TestDepth:
    """The guard counts as a parser would, however the bytes come in."""

    @FAST
    @given(value=st.recursive(st.text('[]{}"\\\\a'), st.lists), size=st.integers(1, 9))
    def test_is_counted_outside_of_texts(self, value, size):
        data = json.dumps(value).encode()
        depth = Depth()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert max(map(depth.deepest, pieces), default=0) == depth_of(value)


class TestNearlyRightFiles:
    @FAST
    @given(document=discord)
    def test_of_discord(self, file, document):
        file.write_text(json.dumps(document))
        read(file, DiscordExport)

    @FAST
    @given(document=letta)
    def test_of_letta(self, file, document):
        file.write_text(json.dumps(document))
        read(file, LettaFile)

    @FAST
    @given(people=people, rooms=rooms, day=day)
    def test_of_slack(self, file, people, rooms, day):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("users.json", json.dumps(people))
            archive.writestr("channels.json", json.dumps(rooms))
            archive.writestr("general/2020-01-02.json", json.dumps(day))
        read(file, SlackExport)
