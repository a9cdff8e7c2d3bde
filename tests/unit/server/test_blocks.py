"""The memory of blocks: what is found in it, and that it stays small."""

import numpy as np

from fade_server.services.blocks import Blocks, Memory, Place, tabulate

RUN = 7, 1.5, 0
PLACE = Place(RUN, 1, 3, -1)


def blocks(*names: str) -> Blocks:
    curve = np.arange(4.0), np.ones(4)
    return {name: tabulate([curve], [0], 4, 1)[0] for name in names}


def test_metrics_of_a_place_come_together_from_several_charts() -> None:
    memory = Memory()
    first, second = blocks("loss"), blocks("entropy")
    assert memory.get(PLACE) == {}
    assert memory.keep(PLACE, first) == first
    assert memory.keep(PLACE, second) == {**first, **second}
    assert memory.get(PLACE) == {**first, **second}


def test_nothing_is_found_after_a_drop_or_where_there_are_more_steps() -> None:
    memory = Memory()
    memory.keep(PLACE, blocks("loss"))
    memory.keep_extent(RUN, (0, 1024))
    dropped = 7, 1.5, 1
    assert memory.get(PLACE._replace(run=dropped)) == {}
    assert memory.get(PLACE._replace(upto=99)) == {}
    assert (memory.extent(RUN), memory.extent(dropped)) == ((0, 1024), None)


def test_what_was_not_asked_for_longest_goes_first() -> None:
    one = blocks("loss")
    memory = Memory(2 * one["loss"].size)
    others = [PLACE._replace(block=block) for block in range(3)]
    memory.keep(others[0], one)
    memory.keep(others[1], one)
    memory.get(others[0])
    memory.keep(others[2], one)
    assert [bool(memory.get(place)) for place in others] == [True, False, True]


def test_what_alone_is_too_much_is_not_kept() -> None:
    memory = Memory(blocks("loss")["loss"].size)
    assert len(memory.keep(PLACE, blocks("loss", "entropy"))) == 2
    assert memory.get(PLACE) == {}
