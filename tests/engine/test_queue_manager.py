"""What leaves a queue: enough, the oldest first, never between a call and its result."""

from hypothesis import given
from hypothesis import strategies as st

from engine.context_window import MESSAGE_OVERHEAD_TOKENS
from engine.queue_manager import cut_place
from tests.engine.builders import message

ENTRIES = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.integers(0, 500)), max_size=40
)


def queue_of(entries):
    return [
        message(role=role, tokens=tokens, seq=seq) for seq, (role, tokens) in enumerate(entries, 1)
    ]


class TestCutPlace:
    def test_leaves_about_what_is_wanted(self):
        queue = queue_of([("user", 100)] * 10)
        assert cut_place(queue, 5 * (100 + MESSAGE_OVERHEAD_TOKENS), 3) == 5

    def test_takes_a_result_along_with_its_call(self):
        queue = queue_of([("user", 10), ("assistant", 10), ("tool", 10), ("tool", 10)] * 3)
        assert cut_place(queue, 20, 3) == 4

    def test_keeps_the_last_messages_whatever_they_weigh(self):
        queue = queue_of([("user", 5000)] * 3)
        assert cut_place(queue, 10_000, 3) == 0

    def test_gives_back_a_call_whose_results_must_stay(self):
        queue = queue_of([("user", 10), ("assistant", 10), ("tool", 10), ("tool", 10)])
        assert cut_place(queue, 1000, 2) == 1

    @given(ENTRIES, st.floats(0, 5000), st.integers(0, 5))
    def test_never_splits_a_call_from_its_result(self, entries, wanted, keep_last):
        queue = queue_of(entries)
        place = cut_place(queue, wanted, keep_last)
        assert 0 <= place <= max(0, len(queue) - keep_last)
        assert place == 0 or place == len(queue) or queue[place].role != "tool"
