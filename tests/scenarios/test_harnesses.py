"""Promise: tools, search and paging suffice for the tasks of the MemGPT paper.

Short runs of what ``make bench`` does in full; the scripted policies see results and nothing else.
"""

import argparse
import json

import pytest

from bench import document_qa, nested_kv, sessions
from bench.harness import ModelUnderTest, finish
from bench.invented_towns import make_gazetteer
from bench.scoring import (
    JUDGE_PROMPT,
    contains,
    is_correct,
    judged,
    likeness,
    mean_of_best,
    rouge_l,
)
from bench.scripted_readers import Seen
from engine.chat_model import ModelRequest
from engine.errors import BadRequest, ModelUnavailable
from engine.testing import ScriptedChatModel, say
from tests.fixtures.model_server import ModelServer, error, text, tool_calls


def options(harness, *arguments, out):
    return harness.options_parser().parse_args([*map(str, arguments), "--out", str(out)])


def lines(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


class TestNestedKeyValue:
    async def test_every_level_is_solved_by_search_and_by_paging(self, tmp_path):
        chosen = options(nested_kv, "--orderings", 1, out=tmp_path)
        rows = await nested_kv.run(chosen)
        assert [row["nesting_levels"] for row in rows] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert {row["accuracy"] for row in rows} == {"100 %"}
        by_search, by_paging = rows[-2:]
        assert by_paging["steps_most"] > by_search["steps_most"]

    async def test_prompts_and_answers_are_written_down(self, tmp_path):
        chosen = options(
            nested_kv, "--orderings", 1, "--levels", 2, "--page-sizes", 5, out=tmp_path
        )
        await nested_kv.run(chosen)
        [line] = lines(tmp_path, "nested_kv_scripted_5")
        assert line["right"] is True
        assert line["expected"] in line["answer"]
        assert line["question"] in json.dumps(line["prompt"])

    def test_a_task_has_one_chain_among_pairs_that_lead_nowhere(self):
        task = nested_kv.make_task(levels=4, ordering=3)
        pairs, key = dict(task.pairs), task.key
        assert len(pairs) == nested_kv.PAIRS
        for _ in range(5):
            key = pairs[key]
        assert key == task.answer
        assert key not in pairs
        assert sum(value in pairs for value in pairs.values()) == 4

    async def test_a_wrong_answer_counts_as_wrong(self, tmp_path, monkeypatch):
        monkeypatch.setattr(nested_kv, "KeyFollower", lambda: ScriptedChatModel(otherwise=say("?")))
        chosen = options(
            nested_kv, "--orderings", 1, "--levels", 0, "--page-sizes", 5, out=tmp_path
        )
        [row] = await nested_kv.run(chosen)
        assert row["right"] == "0 of 1"


class TestDocuments:
    async def test_paging_finds_what_one_prompt_has_to_cut_off(self, tmp_path):
        chosen = options(document_qa, "--questions-asked", 4, "--retrieved", 1, 200, out=tmp_path)
        few, many = await document_qa.run(chosen)
        assert few["paging"] == many["paging"] == "100 %"
        assert many["in_one_prompt"] == "0 %"

    async def test_a_corpus_of_ones_own_is_read_from_files(self, tmp_path):
        corpus = make_gazetteer(articles=20, questions=2)
        texts, questions = tmp_path / "texts.jsonl", tmp_path / "questions.jsonl"
        texts.write_text("\n".join(json.dumps({"text": text}) for text in corpus.articles))
        questions.write_text(
            "\n".join(
                json.dumps({"question": it.question, "answer": it.answer}) for it in corpus.asked
            )
        )
        files = ("--corpus", texts, "--questions", questions)
        chosen = options(document_qa, *files, "--retrieved", 5, out=tmp_path)
        [row] = await document_qa.run(chosen)
        assert row["paging"] == "100 %"
        assert len(lines(tmp_path, "document_qa_scripted")) == 4

    @pytest.mark.parametrize("content", ["{}", "?", "[]"])
    async def test_files_of_another_shape_get_a_sentence(self, tmp_path, content):
        file = tmp_path / "some.jsonl"
        file.write_text(content)
        for given in (("--corpus", file), ("--corpus", file, "--questions", tmp_path / "none")):
            with pytest.raises(BadRequest, match="are files with lines"):
                await document_qa.run(options(document_qa, *given, out=tmp_path))


class TestSessions:
    async def test_an_early_session_is_remembered_with_memory_only(self, tmp_path):
        chosen = options(sessions, "--people", 2, out=tmp_path)
        memory, window = await sessions.run(chosen)
        assert (memory["accuracy"], memory["rouge_l_recall"]) == ("100.0 %", 1.0)
        assert memory["opener_sim_1"] > window["opener_sim_1"]
        written = lines(tmp_path, "sessions_scripted")
        assert [line["way"] for line in written] == ["memory"] * 2 + ["window only"] * 2
        assert all({"question", "answer", "prompt", "opener"} <= line.keys() for line in written)


class TestAnEndpoint:
    @pytest.fixture
    async def model(self, monkeypatch):
        async with ModelServer() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            yield server

    async def test_is_asked_and_judges_and_all_of_it_is_written_down(self, tmp_path, model):
        def respond(body):
            asked = body["messages"][0]["content"]
            if asked == JUDGE_PROMPT:
                return text("I say CORRECT.")
            return text("Nothing.") if asked == document_qa.READER_PROMPT else spoken("Nothing.")

        model.respond = respond
        given = ("--model", "--articles", 20, "--questions-asked", 1, "--retrieved", 1)
        [row] = await document_qa.run(options(document_qa, *given, out=tmp_path))
        assert (row["in_one_prompt"], row["paging"]) == ("100 %", "100 %")
        for line in lines(tmp_path, "document_qa_model"):
            assert (line["answer"], line["judge"]) == ("Nothing.", "I say CORRECT.")
            assert line["question"] in json.dumps(line["prompt"])

    @pytest.mark.parametrize("harness", [nested_kv, document_qa, sessions])
    async def test_that_does_not_answer_is_no_wrong_answer(self, tmp_path, model, harness):
        model.respond = lambda body: error(401, "no key")
        with pytest.raises(ModelUnavailable):
            await harness.run(options(harness, "--model", out=tmp_path))

    def test_that_is_not_named_is_asked_for(self, tmp_path):
        chosen = options(nested_kv, "--model", out=tmp_path)
        with pytest.raises(SystemExit, match="set OPENAI_BASE_URL or OPENAI_API_KEY"):
            finish("nested_kv", nested_kv.run(chosen), chosen)


def spoken(message):
    return tool_calls(("send_message", {"message": message}))


class TestScoring:
    def test_contains_goes_by_whole_words_side_by_side(self):
        assert contains("It was Nina Simone, I think.", "Nina Simone")
        assert not contains("It was Simone, not Nina.", "Nina Simone")
        assert not contains("A bakery.", "baker")

    def test_rouge_l_is_the_share_of_the_gold_words_found_in_order(self):
        assert rouge_l("a red and b blue c", "red blue") == 1.0
        assert rouge_l("blue red", "red blue") == 0.5
        assert rouge_l("", "red") == rouge_l("red", "") == 0.0

    def test_openers_are_scored_by_their_best_lines(self):
        assert likeness("I like tea", "i like TEA!") == pytest.approx(1.0)
        assert mean_of_best("tea", ["tea", "beer", "wine"], 1) == pytest.approx(1.0)
        assert mean_of_best("tea", ["tea", "beer", "wine"], 2) == pytest.approx(0.5)
        assert mean_of_best("tea", [], 3) == 0.0

    @pytest.mark.parametrize(
        ("label", "right"),
        [("CORRECT", True), ("WRONG", False), ("It is CORRECT.", True), ("", False)],
    )
    async def test_a_judge_answers_with_a_label(self, label, right):
        said = await judged(ScriptedChatModel([say(label)]), "q", "gold", "answer")
        assert is_correct(said) is right


class TestWhatAPolicySees:
    def request(self, result):
        entries = [
            {"role": "user", "content": json.dumps({"type": "user_message", "message": "Where?"})},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "function": {"arguments": json.dumps({"query": "x"})}}],
            },
            {"role": "tool", "tool_call_id": "a", "content": json.dumps({"message": result})},
        ]
        messages = tuple(map(json.dumps, entries))
        return ModelRequest(purpose="turn", system="", messages=messages, max_output_tokens=1)

    def test_the_next_page_until_the_last(self):
        assert Seen(self.request("Showing 5 of 9 results (page 0/1): []")).next_page("x") == 1
        assert Seen(self.request("Showing 4 of 9 results (page 1/1): []")).next_page("x") is None
        assert Seen(self.request("No results found.")).next_page("x") is None
        assert Seen(self.request("No results found.")).next_page("y") == 0

    def test_the_hits_up_to_where_a_page_is_cut(self):
        page = 'Showing 2 of 2 results (page 0/0): [{"text": "one"}, {"text": "tw [cut'
        assert [hit["text"] for hit in Seen(self.request(page)).hits("x")] == ["one"]

    def test_a_question_without_a_request_has_no_prompt(self):
        assert ModelUnderTest(ScriptedChatModel()).last_prompt() == {}


def test_every_harness_has_a_model_and_a_window():
    for harness in (nested_kv, document_qa, sessions):
        chosen = harness.options_parser().parse_args(["--model", "--window", "9000"])
        assert isinstance(chosen, argparse.Namespace)
        assert (chosen.model, chosen.window) == (True, 9000)
