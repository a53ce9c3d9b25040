"""Work in processes of their own: results in order, the first failure ends it all."""

import os
from multiprocessing import active_children

import pytest

from cli.processes import spread
from cli.refusals import Refused
from tests.polling import eventually


async def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


async def refuse_or_wait(number: int) -> int:
    if number == 0:
        raise Refused("not with me")
    await eventually(_never, 600)
    return number


async def _never() -> bool:
    return False


async def test_results_come_in_order_from_other_processes():
    done: list[None] = []
    results = await spread(square, range(6), 2, done=lambda: done.append(None))
    assert [square for square, _ in results] == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in {pid for _, pid in results}
    assert len(done) == 6


@pytest.mark.parametrize(("tasks", "processes"), [([3, 4], 1), ([3], 8)])
async def test_little_work_stays_in_this_process(tasks: list[int], processes: int):
    results = await spread(square, tasks, processes)
    assert results == [(task * task, os.getpid()) for task in tasks]


async def test_a_failure_is_raised_and_the_others_are_ended():
    before = set(active_children())
    with pytest.raises(Refused, match="not with me"):
        await spread(refuse_or_wait, range(2), 2)

    async def are_gone() -> bool:
        return not set(active_children()) - before

    await eventually(are_gone)
