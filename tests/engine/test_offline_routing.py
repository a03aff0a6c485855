"""What no rule understands is sorted by the nearest example, and only that."""

import pytest

from engine.offline.listening import Heard, listen
from engine.offline.routing import MeaningRouter
from engine.testing import HashEmbedder


async def heard(text, *, ready=True):
    router = MeaningRouter(HashEmbedder(ready=ready).embed_query)
    return await router.refine(text, listen(text))


class TestRouting:
    async def test_a_statement_that_no_rule_knows_is_kept_as_a_fact(self):
        text = "Baking is my favourite pastime."
        assert listen(text) == Heard()
        assert (await heard(text)).facts == (text,)

    async def test_a_request_without_a_question_mark_is_a_question(self):
        text = "Show me everything about the meeting"
        assert listen(text).question == ""
        assert (await heard(text)).question == text

    @pytest.mark.parametrize("text", ["Sounds good to you", "Zyzzyva qwerty", ""])
    async def test_talk_and_nonsense_stay_talk(self, text):
        assert await heard(text) == listen(text)

    async def test_what_a_rule_has_understood_is_left_alone(self):
        text = "My favourite pastime is baking, is it yours?"
        assert await heard(text) == listen(text)

    async def test_without_a_model_yet_the_rules_stand_alone(self):
        text = "Baking is my favourite pastime."
        assert await heard(text, ready=False) == listen(text)
