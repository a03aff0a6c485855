"""What the environment, .env and membot.toml may say, and how they are refused."""

import os
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import bots.config_file
from bots.config_file import known_keys
from bots.first_meeting import greetings
from bots.settings import WebAddress, default_user, load_settings, parse_web_listen, sqlite_path
from engine.config import EngineConfig
from engine.errors import BadSettings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems() -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load_settings()
    return caught.value.sentence.splitlines()


class TestDefaults:
    def test_nothing_set_is_the_offline_brain_on_a_file_beside_the_start(self):
        settings = load_settings()
        assert settings.offline
        assert settings.database == Path("membot.db")
        assert settings.web == WebAddress("127.0.0.1", 8765)
        assert settings.engine_config() == EngineConfig(greetings=greetings(400))
        assert settings.embedding_model == "sentence-transformers/all-MiniLM-L6-v2"

    def test_an_empty_value_is_unset(self, monkeypatch):
        for name in ("OPENAI_API_KEY", "MEMBOT_CONTEXT_TOKENS", "DISCORD_TOKEN", "MEMBOT_ADMINS"):
            monkeypatch.setenv(name, "")
        settings = load_settings()
        assert settings.offline
        assert not settings.discord
        assert settings.engine_config().memory.context_tokens == 32768


class TestValues:
    def test_reach_the_engine(self, monkeypatch):
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9100/v1")
        monkeypatch.setenv("MEMBOT_MODEL", "local")
        monkeypatch.setenv("MEMBOT_CONTEXT_TOKENS", "4096")
        monkeypatch.setenv("MEMBOT_TOOL_MODE", "json_schema")
        monkeypatch.setenv("MEMBOT_TIMEZONE", "Europe/Berlin")
        settings = load_settings()
        config = settings.engine_config()
        assert not settings.offline
        assert config.model.base_url == "http://127.0.0.1:9100/v1"
        assert (config.model.model, config.model.tool_mode) == ("local", "json_schema")
        assert config.model.api_key is None
        assert config.memory.context_tokens == 4096
        assert config.timezone == ZoneInfo("Europe/Berlin")

    def test_are_read_from_a_dotenv_file_and_the_environment_wins(self, elsewhere, monkeypatch):
        (elsewhere / ".env").write_text("MEMBOT_MODEL=filed\nMEMBOT_BACKGROUND_MODEL=quiet\n")
        monkeypatch.setenv("MEMBOT_MODEL", "set")
        config = load_settings().engine_config()
        assert (config.model.model, config.model.background_model) == ("set", "quiet")

    def test_log_level_may_be_written_small(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_LOG_LEVEL", "debug")
        assert load_settings().env.membot_log_level == "DEBUG"

    def test_admins_are_a_set_of_principals(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_ADMINS", "slack:T1/U2, discord:*/222")
        assert load_settings().admins == {"slack:T1/U2", "discord:*/222"}

    def test_embeddings_can_be_off(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_EMBEDDING_MODEL", "none")
        assert load_settings().embedding_model is None

    def test_no_secret_is_ever_shown(self, monkeypatch):
        for name in ("DISCORD_TOKEN", "SLACK_BOT_TOKEN", "OPENAI_API_KEY", "MEMBOT_WEB_TOKEN"):
            monkeypatch.setenv(name, "hush-hush")
        assert "hush" not in repr(load_settings())


class TestWrongValues:
    @pytest.mark.parametrize(
        ("name", "value", "accepted"),
        [
            ("MEMBOT_TOOL_MODE", "magic", "auto, native, json_schema"),
            ("MEMBOT_CONTEXT_TOKENS", "many", "a whole number"),
            ("MEMBOT_CONTEXT_TOKENS", "5", "a whole number"),
            ("MEMBOT_DATABASE_URL", "mysql://x", "sqlite:///"),
            ("MEMBOT_DATABASE_URL", "sqlite://", "sqlite:///"),
            ("MEMBOT_DATABASE_URL", "postgresql://h/d", "not available yet"),
            ("MEMBOT_MAPPING", "teem", "team, personal, per-user-in-channel, single"),
            ("MEMBOT_MAPPING", "personal", "[owner] identities"),
            ("MEMBOT_ADMINS", "ada", "slack:T1/U2"),
            ("MEMBOT_WEB_LISTEN", "8765", "host:port, or off"),
            ("MEMBOT_WEB_LISTEN", "127.0.0.1:99999", "host:port, or off"),
            ("MEMBOT_LOG_LEVEL", "loud", "DEBUG, INFO"),
            ("MEMBOT_TIMEZONE", "Mars/Olympus", "Europe/Berlin"),
            ("OPENAI_BASE_URL", "localhost", "http://"),
            ("DISCORD_GATEWAY_URL", "http://x", "ws://"),
        ],
    )
    def test_are_refused_with_name_and_accepted_values(self, monkeypatch, name, value, accepted):
        monkeypatch.setenv(name, value)
        (sentence,) = problems()
        assert name in sentence
        assert accepted in sentence

    def test_are_all_reported_together(self, elsewhere, monkeypatch):
        monkeypatch.setenv("MEMBOT_TOOL_MODE", "magic")
        monkeypatch.setenv("MEMBOT_CONTEXT_TOKENS", "many")
        (elsewhere / "membot.toml").write_text("[memory]\nwarn = 7\n[nonsense]\n")
        assert len(problems()) == 4

    def test_a_password_in_an_address_is_not_repeated(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_DATABASE_URL", "postgresql://ada:hush@db/membot")
        assert "hush" not in problems()[0]

    def test_a_dotenv_that_is_no_text_is_named(self, elsewhere):
        (elsewhere / ".env").write_bytes(b"\xff\xfe\x00MEMBOT")
        assert ".env" in problems()[0]


class TestConfigFile:
    def test_fills_memory_and_personas(self, elsewhere):
        (elsewhere / "who.md").write_text("I am Marvin.\n")
        (elsewhere / "membot.toml").write_text(
            '[memory]\nwarn = 0.5\nmax_steps = 4\n[personas.default]\nfile = "who.md"\n'
        )
        config = load_settings().engine_config()
        assert (config.memory.warn, config.memory.max_steps) == (0.5, 4)
        assert config.personas == {"default": "I am Marvin."}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[memry]\n", "memory"),
            ("[memory]\nwran = 0.5\n", "warn"),
            ('[personas.default]\ntxt = "x"\n', "text"),
            ('[[places]]\nmatch = "*"\nmoode = "off"\n', "mode"),
            ("[budgets.person]\ntokens_a_day = 5\n", "tokens_per_day"),
        ],
    )
    def test_an_unknown_key_is_refused_with_the_nearest_known_one(self, elsewhere, text, expected):
        (elsewhere / "membot.toml").write_text(text)
        (sentence,) = problems()
        assert f"the nearest is {expected}" in sentence

    def test_a_named_file_must_exist(self, monkeypatch):
        monkeypatch.setenv("MEMBOT_CONFIG", "elsewhere.toml")
        assert "elsewhere.toml" in problems()[0]

    def test_broken_toml_is_one_sentence(self, elsewhere):
        (elsewhere / "membot.toml").write_text("[memory\n")
        assert "not valid TOML" in problems()[0]

    def test_fills_heartbeats_and_quiet_hours(self, elsewhere):
        (elsewhere / "membot.toml").write_text(
            "[heartbeats]\nevery_minutes = 120\n"
            '[quiet_hours]\nfrom = "22:00"\nto = "07:00"\ntimezone = "Europe/Berlin"\n'
        )
        events = load_settings().engine_config().events
        assert events.heartbeat_minutes == 120
        assert (events.quiet.start, events.quiet.end) == (time(22), time(7))
        assert events.quiet.zone.key == "Europe/Berlin"

    @pytest.mark.parametrize(
        "line", ['from = "10 pm"', 'to = "24:00"', 'timezone = "Mars"', 'timezone = "../x"']
    )
    def test_quiet_hours_that_are_none_are_refused(self, elsewhere, line):
        (elsewhere / "membot.toml").write_text(f"[quiet_hours]\n{line}\n")
        (sentence,) = problems()
        assert f"quiet_hours.{line.split()[0]}" in sentence
        assert " looks like 22:00" in sentence or " IANA name such as " in sentence

    def test_shares_must_rise(self, elsewhere):
        (elsewhere / "membot.toml").write_text("[memory]\nwarn = 0.9\nprepare = 0.8\n")
        assert "must rise" in problems()[0]

    def test_a_persona_needs_text_or_file(self, elsewhere):
        (elsewhere / "membot.toml").write_text(
            '[personas.a]\n[personas.b]\nfile = "gone.md"\n[personas.c]\ntext = "x"\n'
        )
        assert [line.split(" ")[0] for line in problems()] == ["personas.a", "personas.b.file"]

    @pytest.mark.parametrize("pattern", ["slak:T1/*", "C2", "", "T1/*"])
    def test_a_place_that_can_never_match_is_refused(self, elsewhere, pattern):
        (elsewhere / "membot.toml").write_text(f'[blocks.team]\nplaces = ["{pattern}"]\n')
        (sentence,) = problems()
        assert sentence == (
            "membot.toml: blocks.team.places.0: "
            "a place looks like slack:T1/channel/C2, discord:111/* or *."
        )

    def test_blocks_and_personas_of_places_reach_the_engine(self, elsewhere):
        (elsewhere / "membot.toml").write_text(
            '[personas.helper]\ntext = "I help."\n'
            '[[places]]\nmatch = "slack:T1/*"\npersona = "helper"\n'
            '[blocks.team]\ntext = "We ship."\nread_only = true\nplaces = ["slack:*"]\n'
        )
        config = load_settings().engine_config()
        assert config.place_personas == {"slack:T1/*": "helper"}
        (block,) = config.blocks
        assert (block.label, block.text, block.read_only) == ("team", "We ship.", True)
        assert block.places == ("slack:*",)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('[[places]]\nmatch = "*"\npersona = "helpr"\n', "the nearest is helper"),
            ('[blocks.team]\ntext = "long"\nlimit_chars = 3\n', "more than its limit_chars 3"),
            ('[blocks.human]\ntext = "x"\n', "cannot be a block's name"),
            ('[blocks."human:ada"]\n', "cannot be a block's name"),
            ('[mcp.a]\nurl = "http://h/"\n', "mcp.a.allow names no tool"),
            ('[mcp.a]\nallow = ["*"]\n', "mcp.a needs either command or url"),
            ('[mcp."a b"]\nurl = "http://h/"\nallow = ["*"]\n', "cannot be a server's name"),
            ('[mcp.a]\nurl = "h:1"\nallow = ["*"]\n', "mcp.a.url"),
            ('[[places]]\nmatch = "*"\nmode = "shout"\n', "mention"),
            ('[[places]]\nmatch = "*"\nmapping = "personal"\n', "[owner] identities"),
            ('[owner]\nidentities = ["ada"]\n', "owner.identities"),
        ],
    )
    def test_what_cannot_work_is_refused_in_one_sentence(self, elsewhere, text, expected):
        (elsewhere / "membot.toml").write_text('[personas.helper]\ntext = "I help."\n' + text)
        (sentence,) = problems()
        assert expected in sentence

    def test_servers_of_tools_need_their_extra(self, elsewhere, monkeypatch):
        (elsewhere / "membot.toml").write_text('[mcp.a]\nurl = "http://h/"\nallow = ["*"]\n')
        assert load_settings().file.mcp["a"].timeout_seconds == 30
        monkeypatch.setattr(bots.config_file, "find_spec", lambda name: None)
        assert problems() == ["[mcp] needs the extra mcp: pip install 'membot[mcp]'."]

    def test_a_persona_must_fit_its_block(self, elsewhere):
        (elsewhere / "membot.toml").write_text(f'[personas.a]\ntext = "{"x" * 2001}"\n')
        assert problems() == ["personas.a has 2001 characters; a persona block holds 2000."]

    def test_known_keys_use_the_names_in_the_file(self):
        assert known_keys(("quiet_hours",)) == ["from", "to", "timezone"]


class TestRunning:
    def test_without_an_adapter_names_every_variable(self):
        (sentence,) = load_settings().run_problems()
        for name in ("DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
            assert name in sentence

    def test_half_of_slack_is_refused(self, monkeypatch):
        monkeypatch.setenv("SLACK_BOT_TOKEN", "x")
        assert "SLACK_APP_TOKEN" in load_settings().run_problems()[0]
        monkeypatch.delenv("SLACK_BOT_TOKEN")
        monkeypatch.setenv("SLACK_APP_TOKEN", "x")
        assert "SLACK_BOT_TOKEN" in load_settings().run_problems()[0]

    def test_an_open_listener_needs_a_token(self, monkeypatch):
        monkeypatch.setenv("DISCORD_TOKEN", "x")
        monkeypatch.setenv("MEMBOT_WEB_LISTEN", "0.0.0.0:8765")
        assert "MEMBOT_WEB_TOKEN" in load_settings().run_problems()[0]
        monkeypatch.setenv("MEMBOT_WEB_TOKEN", "x")
        assert load_settings().run_problems() == []

    def test_http_mode_needs_the_listener(self, monkeypatch):
        monkeypatch.setenv("SLACK_BOT_TOKEN", "x")
        monkeypatch.setenv("SLACK_SIGNING_SECRET", "x")
        monkeypatch.setenv("MEMBOT_WEB_LISTEN", "off")
        settings = load_settings()
        assert settings.slack_http
        assert "MEMBOT_WEB_LISTEN" in settings.run_problems()[0]


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "loopback"),
        [("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("0.0.0.0:1", False)],
    )
    def test_loopback_is_told_from_the_rest(self, text, loopback):
        address = parse_web_listen(text)
        assert address is not None
        assert address.loopback is loopback

    def test_a_host_name_is_not_loopback(self):
        assert parse_web_listen("bot.example.org:80") == WebAddress("bot.example.org", 80)
        assert not WebAddress("bot.example.org", 80).loopback

    def test_off_is_no_address(self):
        assert parse_web_listen("Off") is None

    def test_a_database_may_be_relative_or_absolute(self):
        assert sqlite_path("sqlite:///a.db") == Path("a.db")
        assert sqlite_path("sqlite:////var/a.db") == Path("/var/a.db")


def test_the_person_at_the_terminal_has_a_name(monkeypatch):
    monkeypatch.setenv("USER", "ada")
    assert default_user() == "ada"
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert default_user() == "you"
    assert "MEMBOT_MODEL" not in os.environ
