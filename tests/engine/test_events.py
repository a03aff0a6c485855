"""Envelopes as the model reads them."""

import json

import pytest

from engine.chat_model import ToolCall
from engine.events import assistant_payload


class TestAnswers:
    @pytest.mark.parametrize("arguments", ['{"message": "cut', "[1]", "", "[" * 100_000])
    def test_keep_arguments_that_are_no_object_as_one(self, arguments: str):
        call = ToolCall(id="c1", name="send_message", arguments=arguments)
        (kept,) = json.loads(assistant_payload(None, [call]))["tool_calls"]
        assert json.loads(kept["function"]["arguments"]) == {"unreadable": arguments}

    def test_keep_readable_arguments_as_they_are(self):
        call = ToolCall(id="c1", name="send_message", arguments='{"message": "é"}')
        (kept,) = json.loads(assistant_payload(None, [call]))["tool_calls"]
        assert kept["function"]["arguments"] == call.arguments
