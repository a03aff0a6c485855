"""Calls that models write as text."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.salvage import is_debris, salvage_call

TOOLS = {"send_message", "conversation_search", "finish_rethinking_memory"}
HI = {"message": "hi"}
HI_CALL = '{"name": "send_message", "arguments": {"message": "hi"}}'


def arguments_of(text: str) -> object:
    found = salvage_call(text, TOOLS)
    assert found is not None
    assert found.name == "send_message"
    return json.loads(found.arguments)


class TestFindsCalls:
    @pytest.mark.parametrize(
        "text",
        [
            '{"name": "send_message", "arguments": {"message": "hi"}}',
            '  \n{"name": "send_message", "arguments": {"message": "hi"}}\n',
            '```json\n{"name": "send_message", "arguments": {"message": "hi"}}\n```',
            '```\n{"name": "send_message", "parameters": {"message": "hi"}}\n```',
            '<tool_call>\n{"name": "send_message", "arguments": {"message": "hi"}}\n</tool_call>',
            '<function=send_message>{"message": "hi"}</function>',
            '<function=send_message>{"message": "hi"}',
            """<tools><function name="send_message" arguments='{"message": "hi"}' /></tools>""",
            '[TOOL_CALLS] [{"name": "send_message", "arguments": {"message": "hi"}}]',
            '[TOOL_CALLS]send_message[ARGS]{"message": "hi"}',
            '[TOOL_CALLS]send_message{"message": "hi"}',
            '{{"name": "send_message", "arguments": {"message": "hi"}}}',
            '{{"name": "send_message", "arguments": {{"message": "hi"}}}}',
            '{"function": "send_message", "args": {"message": "hi"}}',
            '{"tool": "send_message", "arguments": {"message": "hi"}}',
            '{"function": {"name": "send_message", "arguments": {"message": "hi"}}}',
            '{"type": "function", "function": {"name": "send_message", "args": {"message": "hi"}}}',
            '{"send_message": {"message": "hi"}}',
            '{"name": "send_message", "message": "hi"}',
            '{"name": "send_message", "arguments": "{\\"message\\": \\"hi\\"}"}',
            '{"name": "send_message", "arguments": {"message": "hi",},}',
            '{"name": "send_message", "arguments": {"message": "hi"}',
            '{"name": "send_message", "arguments": {"message": "hi"}}}',
            'Of course! {"name": "send_message", "arguments": {"message": "hi"}} Done.',
            'A {brace} first: {"name": "send_message", "arguments": {"message": "hi"}}',
        ],
    )
    def test_in_every_form_models_use(self, text: str):
        assert arguments_of(text) == HI

    def test_keeps_the_thought_apart(self):
        call = HI_CALL.replace("{", '{"thought": "a \\"greeting\\"", ', 1)
        found = salvage_call(call, TOOLS)
        assert (found.thought, json.loads(found.arguments)) == ('a "greeting"', HI)
        cut = salvage_call(call[:-8], TOOLS)
        assert cut.name == "send_message"
        assert "thought" not in cut.arguments

    def test_takes_the_first_of_several(self):
        first = '{"name": "send_message", "arguments": {"message": "hi"}}'
        second = '{"name": "conversation_search", "arguments": {"query": "x"}}'
        assert arguments_of(f"{first}\n{second}") == HI

    def test_keeps_braces_and_line_breaks_inside_strings(self):
        text = '{"name": "send_message", "arguments": {"message": "a } {\nb"}}'
        assert arguments_of(text) == {"message": "a } {\nb"}

    def test_lets_a_call_without_arguments_stand_alone(self):
        found = salvage_call('{"name": "finish_rethinking_memory"}', TOOLS)
        assert found is not None
        assert found.arguments == "{}"

    def test_gives_a_cut_off_call_back_as_unreadable_instead_of_showing_it(self):
        found = salvage_call('{"name": "send_message", "arguments": {"message": "He sai', TOOLS)
        assert found is not None
        assert found.name == "send_message"
        with pytest.raises(ValueError, match="Extra data"):
            json.loads(found.arguments)


class TestLeavesTheRestAlone:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Hello, how are you?",
            "I would call send_message with a message.",
            'An object such as {"tool": "send_message"} names the tool.',
            'JSON looks like {"name": "Ada", "age": 36}.',
            'For example {"send_message": {"message": "x"}} is how it looks.',
            '{"name": "delete_everything", "arguments": {}}',
            '{"send_message": "hi"}',
            "{not json} at all {",
            '["send_message"]',
        ],
    )
    def test_prose_and_unknown_tools_are_no_calls(self, text: str):
        assert salvage_call(text, TOOLS) is None

    def test_a_text_beyond_any_answer_is_not_read(self):
        assert (
            salvage_call(" " * 100_000 + '{"name": "send_message", "message": "x"}', TOOLS) is None
        )

    @pytest.mark.parametrize(
        "text",
        ["{" * 99_000, '{"a":' * 19_000, '{"name": "' * 9_000, '{"a ' * 20_000 + ",}" * 5_000],
    )
    def test_hostile_text_takes_no_time(self, text: str):
        started = time.process_time()
        assert salvage_call(text, TOOLS) is None
        assert time.process_time() - started < 2.0  # quadratic would be minutes

    @given(st.text(alphabet=st.sampled_from('{}[]":,\\ \nabsend_message<>/=`'), max_size=200))
    def test_never_raises(self, text: str):
        found = salvage_call(text, TOOLS)
        assert found is None or found.name in TOOLS

    @given(st.text(), st.sets(st.text(min_size=1, max_size=8), max_size=3))
    def test_never_invents_a_tool(self, text: str, tools: set[str]):
        found = salvage_call(text, tools)
        assert found is None or found.name in tools

    @given(st.dictionaries(st.sampled_from(["name", "arguments", "tool", "x"]), st.text()))
    def test_arguments_are_always_text(self, fields: dict[str, str]):
        found = salvage_call(json.dumps(fields | {"name": "send_message"}), TOOLS)
        assert found is not None
        assert isinstance(found.arguments, str)


class TestDebris:
    @pytest.mark.parametrize(
        "text",
        [
            "<tools></tools>",
            "<tool_call>\n</tool_call>",
            "<tools>\n<function name=send_message>hi</function>",
            "[TOOL_CALLS]",
            "<tool_call>send_message(hi)",
            'I see.\n<block label="human" chars="3/2000">\nAda\n</block>',
        ],
    )
    def test_is_known(self, text: str):
        assert is_debris(text, TOOLS)

    @pytest.mark.parametrize(
        "text",
        ["", "Hello!", "Use send_message.", "Wrap it in <function>x</function> tags.", "<b>hi</b>"],
    )
    def test_is_not_what_people_read(self, text: str):
        assert not is_debris(text, TOOLS)

    @given(st.text(alphabet="<tools>/function []", max_size=300))
    def test_hostile_text_does_no_harm(self, text: str):
        is_debris(text, TOOLS)
