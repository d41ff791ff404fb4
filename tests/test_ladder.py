"""The ladder: every number here is a time, or a number of visitors, that the test chose."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.ladder import CALM_S, FULL, QUIET_S, STILL, Ladder, Rung, Step

RUNGS = (Rung(Step(25), 3), Rung(Step(15), 5), Rung(Step(10), 7), Rung(STILL, 12))


def names(ladder: Ladder, *times_s: float) -> list[str]:
    return [ladder.step(now_s).name for now_s in times_s]


@pytest.mark.parametrize(
    ("visitors", "name"),
    [(0, "25"), (1, "25"), (3, "25"), (4, "15"), (5, "15"), (6, "10"), (7, "10"), (8, "still"), (99, "still")],
)
def test_it_goes_down_at_once_and_as_far_as_it_must(visitors: int, name: str) -> None:
    ladder = Ladder(RUNGS)
    ladder.update(visitors, 100.0)
    assert names(ladder, 100.0, 1e9) == [name, name]


def test_it_climbs_when_there_has_been_a_place_to_spare_for_a_while() -> None:
    ladder = Ladder(RUNGS)
    ladder.update(4, 0.0)
    ladder.update(2, 20.0)
    assert names(ladder, 20.0, 20.0 + QUIET_S - 0.1, 20.0 + QUIET_S) == ["15", "15", "25"]


def test_it_climbs_later_where_a_better_step_would_just_do() -> None:
    ladder = Ladder(RUNGS)
    ladder.update(4, 0.0)
    ladder.update(3, 20.0)
    assert names(ladder, 20.0 + QUIET_S, 20.0 + CALM_S - 0.1, 20.0 + CALM_S) == ["15", "15", "25"]


def test_one_who_comes_and_goes_does_not_make_the_picture_jump() -> None:
    ladder = Ladder(RUNGS)
    for second in range(0, 300, 10):
        ladder.update(4 if second % 20 == 0 else 3, float(second))
        assert names(ladder, float(second), second + 9.9) == ["15", "15"]


def test_it_climbs_over_steps_at_once() -> None:
    ladder = Ladder(RUNGS)
    ladder.update(10, 0.0)
    ladder.update(1, 5.0)
    assert names(ladder, 5.0, 5.0 + QUIET_S) == ["still", "25"]


def test_it_climbs_to_the_best_that_fits() -> None:
    ladder = Ladder(RUNGS)
    ladder.update(10, 0.0)
    ladder.update(5, 5.0)
    assert names(ladder, 5.0 + QUIET_S, 5.0 + CALM_S) == ["10", "15"]


def test_it_stays_up_when_it_has_climbed() -> None:
    ladder = Ladder(RUNGS)
    ladder.update(4, 0.0)
    ladder.update(3, 10.0)
    ladder.update(2, 10.0 + CALM_S)
    assert names(ladder, 10.0 + CALM_S) == ["25"]
    ladder.update(3, 11.0 + CALM_S)
    assert names(ladder, 11.0 + CALM_S) == ["25"]


def test_a_machine_that_draws_for_nobody_shows_a_still_face() -> None:
    ladder = Ladder((Rung(Step(25), 0), Rung(STILL, 2)))
    ladder.update(1, 0.0)
    assert names(ladder, 0.0, 1e9) == ["still", "still"]


@given(st.lists(st.tuples(st.integers(0, 15), st.floats(0.0, 90.0)), max_size=40))
def test_it_never_shows_more_than_it_is_good_for(changes: list[tuple[int, float]]) -> None:
    ladder, now_s = Ladder(RUNGS), 0.0
    for visitors, wait_s in changes:
        ladder.update(visitors, now_s)
        now_s += wait_s
        rung = next(rung for rung in RUNGS if rung.step == ladder.step(now_s))
        assert rung.visitors >= visitors or rung is RUNGS[-1]


@pytest.mark.parametrize(("step", "shown"), [(FULL, 50), (Step(15), 30), (Step(10), 20), (STILL, 2)])
def test_a_step_shows_its_share_of_the_pictures_evenly(step: Step, shown: int) -> None:
    indices = [index for index in range(50) if step.shows(index, 25)]
    assert len(indices) == shown
    gaps = {after - before for before, after in pairwise(indices)}
    assert max(gaps) - min(gaps) <= 1


def test_what_a_client_is_told() -> None:
    assert [rung.step.name for rung in RUNGS] == ["25", "15", "10", "still"]
