"""Token counts: exact where the data is at hand, never far below anywhere."""

import asyncio
import gzip
import hashlib
import json
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.byte_pairs import BytePairCounter, load_counter
from engine.chat_model import ModelRequest, ToolSpec
from engine.dialects import Dialect
from engine.openai_wire import request_body
from engine.tokens import TokenCounter, carried_data, encoding_for, estimate_tokens
from tests.engine.reference_tokens import reference

[DATA] = carried_data()
SAMPLES = [
    "",
    "Hello there, this is an ordinary message.\n\nWith two paragraphs.",
    "I'll say it's DON'T and we've; you're.",
    "你好，世界。我喜欢大提琴。",
    "नमस्ते दुनिया मुझे संगीत पसंद है",
    "Привет, мир! Я играю на виолончели",
    "🎻🎶 emoji 👩‍👩‍👧‍👦",
    "안녕하세요 세계 สวัสดีชาวโลก",
    "aGVsbG8gd29ybGQ=" * 20,
    "x" * 1000,
    "def f(x):\n    return x ** 2\n\n\n",
    "  \n\n \t x  ",
    "İstanbul'DA ﬁ ½ ² ⅷ",
    "<|endoftext|> is only text",
    str(uuid.UUID(int=2**127 + 12345)),
]


@pytest.fixture(scope="module")
def o200k() -> SimpleNamespace:
    ours = load_counter("o200k_base", (DATA,))
    assert ours is not None
    return SimpleNamespace(ours=ours, theirs=reference("o200k_base"))


@pytest.fixture(scope="module")
def cl100k() -> SimpleNamespace:
    ours = load_counter("cl100k_base", (DATA,))
    assert ours is not None
    return SimpleNamespace(ours=ours, theirs=reference("cl100k_base"))


class TestExactCounts:
    @pytest.mark.parametrize("text", SAMPLES)
    def test_are_those_of_tiktoken(self, text: str, o200k: SimpleNamespace):
        assert o200k.ours.count(text) == len(o200k.theirs.encode(text, disallowed_special=()))

    @pytest.mark.parametrize("text", SAMPLES)
    def test_are_those_of_tiktoken_for_the_older_encoding(self, text: str, cl100k: SimpleNamespace):
        assert cl100k.ours.count(text) == len(cl100k.theirs.encode(text, disallowed_special=()))

    @given(text=st.text(max_size=200))
    def test_stay_within_a_token_in_ten_on_any_text(self, text: str, o200k: SimpleNamespace):
        exact = len(o200k.theirs.encode_ordinary(text))
        assert abs(o200k.ours.count(text) - exact) <= 1 + exact // 10

    def test_a_lone_surrogate_counts_as_something(self, o200k: SimpleNamespace):
        assert o200k.ours.count("\ud800") >= 1

    def test_forgets_pieces_when_it_remembers_too_many(self, o200k: SimpleNamespace):
        letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
        text = " ".join(f"{number:x}q".translate(letters) for number in range(20_000))
        assert o200k.ours.count(text) == len(o200k.theirs.encode_ordinary(text))
        assert len(o200k.ours._known) <= 8_000


class TestLoadingData:
    def test_reads_the_cache_of_tiktoken(self, tmp_path: Path):
        address = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
        name = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
        data = gzip.decompress((DATA / "cl100k_base.tiktoken.gz").read_bytes())
        (tmp_path / name).write_bytes(data)
        assert isinstance(load_counter("cl100k_base", (tmp_path,)), BytePairCounter)

    def test_passes_over_damaged_data(self, tmp_path: Path):
        (tmp_path / "o200k_base.tiktoken.gz").write_bytes(b"not gzip")
        assert load_counter("o200k_base", (tmp_path,)) is None

    def test_passes_over_other_bytes_than_the_published_ones(self, tmp_path: Path):
        (tmp_path / "o200k_base.tiktoken.gz").write_bytes(gzip.compress(b"IQ== 0\n"))
        assert load_counter("o200k_base", (tmp_path,)) is None

    def test_passes_over_folders_that_are_not_there(self, tmp_path: Path):
        assert load_counter("o200k_base", (tmp_path / "none",)) is None


class TestEncodingNames:
    @pytest.mark.parametrize(
        ("model", "encoding"),
        [
            ("gpt-5-mini", "o200k_base"),
            ("gpt-4o", "o200k_base"),
            ("gpt-4.1", "o200k_base"),
            ("gpt-4", "cl100k_base"),
            ("gpt-4-turbo", "cl100k_base"),
            ("gpt-3.5-turbo", "cl100k_base"),
            ("some-local-model", "o200k_base"),
        ],
    )
    def test_follow_the_model(self, model: str, encoding: str):
        assert encoding_for(model) == encoding


class TestEstimates:
    @pytest.mark.parametrize("text", SAMPLES)
    def test_are_never_far_below(self, text: str, o200k: SimpleNamespace):
        exact = len(o200k.theirs.encode_ordinary(text))
        assert estimate_tokens(text) >= 0.66 * exact

    def test_of_english_are_not_far_above(self, o200k: SimpleNamespace):
        text = "I went to the market yesterday and bought apples, bread and a little cheese. " * 9
        exact = len(o200k.theirs.encode_ordinary(text))
        assert exact <= estimate_tokens(text) <= 1.6 * exact


class TestCounting:
    async def test_is_exact_once_loaded(self, o200k: SimpleNamespace):
        counter = TokenCounter("gpt-5-mini", (DATA,))
        texts = [*SAMPLES, "long " * 5000]
        assert await counter.count(texts) == [o200k.ours.count(text) for text in texts]
        assert counter.is_exact

    async def test_estimates_without_data(self):
        counter = TokenCounter("gpt-5-mini")
        assert await counter.count(["hello"]) == [1]
        assert not counter.is_exact

    async def test_estimates_when_the_data_is_damaged(self, tmp_path: Path):
        (tmp_path / "o200k_base.tiktoken.gz").write_bytes(b"\x1f\x8b damaged")
        counter = TokenCounter("gpt-5-mini", (tmp_path,))
        assert not await counter.load()
        assert counter.count_now("hello") == 1

    async def test_does_not_wait_for_slow_data(self, monkeypatch: pytest.MonkeyPatch):
        release = asyncio.Event()

        async def slowly(*_: object) -> BytePairCounter | None:
            await release.wait()
            return load_counter("o200k_base", (DATA,))

        monkeypatch.setattr(asyncio, "to_thread", slowly)
        counter = TokenCounter("gpt-5-mini", (DATA,))
        assert not await counter.load(limit_seconds=0.0)
        assert counter.count_now("hello there") == 2
        release.set()
        assert await counter.load()


def make_request(texts: list[str]) -> ModelRequest:
    payloads = tuple(
        json.dumps({"role": "user", "content": json.dumps({"message": text}, ensure_ascii=False)})
        for text in texts
    )
    tool = ToolSpec(
        name="send_message",
        description="Say something to the person.",
        parameters={
            "type": "object",
            "properties": {
                "message": {"type": "string", "description": "What the person reads."},
                "request_heartbeat": {"type": "boolean", "description": "Whether to go on."},
            },
            "required": ["message"],
            "additionalProperties": False,
        },
    )
    return ModelRequest(
        purpose="turn",
        system='You are "membot".\n<block label="human">\nName: Ada.\n</block>\n' * 5,
        messages=payloads,
        tools=(tool,) * 6,
        max_output_tokens=1024,
    )


class TestRequests:
    @pytest.mark.parametrize("calls", ["native", "json_schema", "text"])
    @given(texts=st.lists(st.text(max_size=60), max_size=8))
    def test_are_never_counted_smaller_than_their_whole_json(
        self, calls: str, texts: list[str], o200k: SimpleNamespace
    ):
        counter = TokenCounter("gpt-5-mini")
        counter._exact = o200k.ours
        request = make_request(texts)
        body = json.loads(request_body(request, "gpt-5-mini", Dialect(calls=calls)))
        body.pop("response_format", None)
        sent = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        exact = len(o200k.theirs.encode_ordinary(sent))
        as_text = calls != "native"
        assert counter.request_tokens(request, tools_as_text=as_text) >= 0.97 * exact

    def test_tools_in_words_take_less_of_the_window(self):
        counter, request = TokenCounter("gpt-5-mini"), make_request([])
        in_words = counter.request_tokens(request, tools_as_text=True)
        assert in_words < counter.request_tokens(request)

    def test_are_not_counted_much_larger(self, o200k: SimpleNamespace):
        counter = TokenCounter("gpt-5-mini")
        counter._exact = o200k.ours
        request = make_request([f"An ordinary message, number {n}." for n in range(60)])
        sent = request_body(request, "gpt-5-mini", Dialect())
        exact = len(o200k.theirs.encode_ordinary(sent))
        assert counter.request_tokens(request) <= 1.4 * exact


class TestLearning:
    def test_counts_rise_when_the_provider_charges_more(self):
        counter = TokenCounter("local")
        request = make_request(["word " * 500])
        actual = 2 * counter.request_tokens(request)
        for _ in range(8):
            counter.learn(counter.request_tokens(request), actual)
        assert counter.request_tokens(request) == pytest.approx(actual, rel=0.05)

    def test_counts_never_fall_below_the_plain_ones(self):
        counter = TokenCounter("local")
        before = counter.count_now("word " * 500)
        for _ in range(20):
            counter.learn(10_000, 10)
        assert counter.count_now("word " * 500) == before

    def test_absurd_usage_has_a_bound(self):
        counter = TokenCounter("local")
        before = counter.count_now("word " * 500)
        for _ in range(50):
            counter.learn(1_000, 10**9)
        assert counter.count_now("word " * 500) <= 3 * before + 1

    def test_missing_usage_and_tiny_requests_teach_nothing(self):
        counter = TokenCounter("local")
        before = counter.count_now("word " * 500)
        counter.learn(10_000, 0)
        counter.learn(20, 60)
        assert counter.count_now("word " * 500) == before
