"""What may be called how often."""

import asyncio

import pytest

from bots.pacing import Allowance
from engine.errors import DeliveryDelayed


def elapsed_since(start):
    return asyncio.get_running_loop().time() - start


class TestAnAllowance:
    async def test_gives_so_many_at_once_and_the_next_when_the_first_is_over(self):
        allowance, start = Allowance(2, 0.1), asyncio.get_running_loop().time()
        for _ in range(2):
            await allowance.take()
        assert elapsed_since(start) < 0.1
        await allowance.take()
        assert elapsed_since(start) >= 0.1

    async def test_serves_in_the_order_of_asking(self):
        allowance, served = Allowance(1, 0.01), []

        async def ask(number):
            await allowance.take()
            served.append(number)

        await asyncio.gather(*(ask(number) for number in range(4)))
        assert served == [0, 1, 2, 3]

    async def test_refuses_what_would_wait_too_long_and_counts_it_as_nothing(self):
        allowance = Allowance(1, 60.0, patience_seconds=1.0)
        await allowance.take()
        for _ in range(2):
            with pytest.raises(DeliveryDelayed) as refused:
                await allowance.take()
            assert 59.0 < refused.value.retry_after_seconds <= 60.0
