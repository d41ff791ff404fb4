"""Where a person listens is found by lips and sound, and the stretch that is shown over and over begins anew unseen."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.face.making import rest
from appliance.face.making.pack import FPS
from appliance.face.mel import RATE_HZ
from tests.face.making.conftest import laid_points

N = 400


def talking(spoken: slice, sway_px: float = 3.0, period: int = 100) -> np.ndarray:
    """A face that sways, its lips moving while it speaks."""
    pick = np.random.default_rng(4)
    rows: list[np.ndarray] = []
    for at in range(N):
        apart = float(pick.uniform(2, 18)) if at in range(*spoken.indices(N)) else 0.0
        points = laid_points(apart=apart)
        points[:, 0] += sway_px * np.sin(2 * np.pi * at / period)
        rows.append(points)
    return np.stack(rows)


def test_lips_that_move_are_no_rest() -> None:
    points = talking(slice(100, 250))
    resting = rest.at_rest(points, None)
    assert not resting[95:255].any()
    assert resting[10:90].all()
    assert resting[262:390].all()
    assert rest.apart(points)[100:250].mean() > 5 * rest.apart(points)[:90].mean()


def test_what_is_heard_is_no_rest_though_lips_are_closed() -> None:
    sound = np.zeros(N * RATE_HZ // FPS, np.float32)
    sound[200 * 640 : 300 * 640] = np.random.default_rng(1).normal(0, 0.1, 100 * 640)
    resting = rest.at_rest(talking(slice(0, 0)), sound)
    assert not resting[197:303].any()
    assert resting[10:190].all()
    assert resting[310:390].all()


def test_the_loop_ends_where_it_began() -> None:
    points = talking(slice(0, 60))
    loop = rest.loop(points, rest.at_rest(points, None))
    assert loop.frames % 100 in (0, 1, 99), "a whole sway"
    assert loop.joint < 0.005
    assert loop.first >= 60
    assert loop.first + loop.frames + rest.FADE <= N


def test_who_never_listens_or_never_comes_back_has_no_loop() -> None:
    busy = talking(slice(0, N))
    leaving = talking(slice(0, 0), sway_px=0)
    leaving[:, :, 0] += np.arange(N, dtype=np.float32)[:, None] * 0.6
    for points in (busy, leaving):
        with pytest.raises(MediaError) as caught:
            rest.loop(points, rest.at_rest(points, None))
        assert caught.value.code == "no-rest"
