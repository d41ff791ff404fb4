"""The calculation of `appliance size`: every cost here is one that the test chose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.evaluation.headroom import (
    CONNECTED_PICTURES,
    FULL_RATE,
    LADDER,
    REPLIES,
    TURN_S,
    WEBRTC,
    Bounds,
    Cost,
    Costs,
    headroom,
    limit,
    spoken_to,
    use,
)
from appliance.ladder import FULL, STILL, Step

FREE = Cost(0.0, 0.0)
NOTHING = Costs(
    cores=4,
    conversations=10**6,
    turn_ends_s=0.5,
    head_start_s=0.0,
    answer_s=0.3,
    face=FREE,
    idle=FREE,
    encode_cpu_s=0.0,
    ears=FREE,
    mind=FREE,
    voice=FREE,
    vigilance_cpu_s=0.0,
)


def numbers(costs: Costs) -> dict[str, int]:
    return {rung.step.name: rung.visitors for rung in headroom(costs, 25).capacity.rungs}


@pytest.mark.parametrize(("visitors", "speaking"), [(0, 0), (1, 1), (2, 2), (3, 3), (5, 4), (10, 7), (100, 48)])
def test_how_many_speak_at_once_in_95_of_100_moments(visitors: int, speaking: int) -> None:
    assert spoken_to(visitors) == speaking


def test_drawing_is_bound_by_the_faces_one_thread() -> None:
    # 100 pictures a second, of which 80 may be drawn: three faces at 25. Of four or five visitors three or four speak.
    costs = replace(NOTHING, face=Cost(0.01, 0.0))
    assert [limit(costs, FULL, n, FULL_RATE) for n in (4, 5)] == ["", "face"]
    assert [limit(costs, Step(15), n, LADDER) for n in (9, 10, 11)] == ["", "face", "face"]
    assert use(costs, Step(10), 10).busy["face"] == pytest.approx(0.7)
    assert use(costs, STILL, 100).busy["face"] == 0.0


def test_cores_are_shared_by_everything() -> None:
    costs = replace(
        NOTHING,
        cores=1,
        face=Cost(0.0, 0.004),
        idle=Cost(0.0, 0.001),
        encode_cpu_s=0.002,
        ears=Cost(0.0, 0.12),
        mind=Cost(0.0, 0.24),
        voice=Cost(0.0, 0.05),
        vigilance_cpu_s=0.01,
    )
    ten = use(costs, Step(10), 10)
    drawing = 7 * 10 * 0.004 + 3 * 10 * 0.001
    sending = 10 * 0.002 * (10 * WEBRTC + CONNECTED_PICTURES)
    turns, speech = 10 / TURN_S * (2 * 0.12 + REPLIES * 0.24), 10 * 0.4 * 0.05
    assert ten.busy["cores"] == pytest.approx(drawing + sending + turns + speech + 10 * 0.01)
    assert use(replace(costs, cores=4), Step(10), 10).busy["cores"] == pytest.approx(ten.busy["cores"] / 4)


def test_an_answer_takes_longer_on_a_busy_machine() -> None:
    half = replace(NOTHING, cores=1, face=Cost(0.0, 0.01), answer_s=0.3)
    assert use(half, FULL, 2).busy["cores"] == pytest.approx(0.5)
    assert use(half, FULL, 2).answer_s == pytest.approx(0.5 + 0.3 / (1 - 0.5))
    two_cores = replace(half, cores=2, face=Cost(0.0, 0.02))
    assert use(two_cores, FULL, 2).answer_s == pytest.approx(0.5 + 0.3 / (1 - 0.5**2))
    assert use(half, FULL, 5).answer_s == float("inf")


def test_an_answer_waits_for_the_answers_of_others() -> None:
    costs = replace(NOTHING, cores=64, voice=Cost(0.25, 0.0), answer_s=0.3)
    assert use(costs, FULL, 5).answer_s == pytest.approx(0.5 + 0.3 / (1 - 0.5))
    drawing = replace(NOTHING, cores=64, face=Cost(0.01, 0.0), answer_s=0.3)  # the face has a thread of its own
    assert use(drawing, FULL, 2).answer_s == pytest.approx(0.5 + 0.3)


def test_work_ahead_of_the_end_of_the_turn_is_not_waited_for() -> None:
    costs = replace(NOTHING, cores=64, answer_s=0.5, head_start_s=0.38)
    assert use(costs, FULL, 1).answer_s == pytest.approx(0.5 + 0.5 - 0.38)
    assert use(replace(costs, answer_s=0.2), FULL, 1).answer_s == 0.5


def test_too_slow_an_answer_is_named() -> None:
    slow = replace(NOTHING, answer_s=1.2)
    assert limit(slow, FULL, 1, FULL_RATE) == "answer"
    assert limit(slow, FULL, 1, LADDER) == ""
    assert limit(slow, FULL, 1, Bounds(1.8, 0.8)) == ""


def test_a_slow_answer_costs_the_full_rate_but_not_the_visit() -> None:
    found = headroom(replace(NOTHING, answer_s=2.0, conversations=8), 25)
    assert (found.capacity.speaking, found.capacity.connected) == (0, 8)
    assert found.lacks["25"] == "answer"
    assert found.lacks["15"] == "conversations"


def test_a_step_that_helps_nobody_is_left_out() -> None:
    costs = replace(NOTHING, conversations=5, face=Cost(0.004, 0.0))
    assert numbers(costs) == {"25": 5}
    assert headroom(costs, 25).lacks["25"] == "conversations"


def test_a_machine_that_is_too_slow_for_anybody_still_serves_one() -> None:
    found = headroom(replace(NOTHING, voice=Cost(4.0, 4.0)), 25)
    assert (found.capacity.speaking, found.capacity.connected) == (0, 1)
    assert found.capacity.rungs[-1].step is STILL
    assert found.lacks["25"] == "voice"


def test_there_is_an_end_to_it_where_nothing_costs_anything() -> None:
    assert numbers(replace(NOTHING, cores=64)) == {"25": 500}


@given(st.floats(1e-4, 0.05), st.floats(1e-4, 0.05), st.floats(0.01, 0.5), st.integers(1, 64), st.integers(10, 30))
def test_every_step_is_within_its_means(face_s: float, encode_s: float, rtf: float, cores: int, fps: int) -> None:
    costs = replace(
        NOTHING, cores=cores, face=Cost(face_s, face_s), encode_cpu_s=encode_s, voice=Cost(rtf, rtf), conversations=200
    )
    found = headroom(costs, fps).capacity
    visitors = [rung.visitors for rung in found.rungs]
    assert visitors == sorted(set(visitors))
    for rung in found.rungs:
        bounds = FULL_RATE if rung.step.fps == fps else LADDER
        if rung.visitors > 1:
            assert max(use(costs, rung.step, rung.visitors).busy.values()) <= bounds.busy
