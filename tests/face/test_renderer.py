"""The face's engine: pictures in order, one batch for all, silence without the net, nothing left of what is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.config import FaceConfig
from appliance.errors import AvatarError
from appliance.face.compositor import Compositor
from appliance.face.mel import FLOOR
from appliance.face.renderer import FaceRenderer, RenderedFrame, Rendering, RenderRequest, batch_sizes
from tests.models import generate

NET, AVATAR = generate.HERE / "grey_mouth.onnx", generate.HERE / "tiny.avatar"
LOUD, SILENT = 4.0, FLOOR


class CountedNet:
    """Passes everything on, and notes the size of each run."""

    def __init__(self, renderer: FaceRenderer) -> None:
        self.inner = renderer._net  # pyright: ignore[reportPrivateUsage]
        assert self.inner is not None
        self.batches, self.failing, self.cuda, self.takes_mouths = list[int](), False, False, False
        self.takes_stretches, self.rows = False, self.inner.rows
        renderer._net = self  # type: ignore[assignment]  # pyright: ignore

    def at_rest(self) -> np.ndarray:
        assert self.inner is not None
        return self.inner.at_rest()

    def listen(self, mels: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        return mels

    def render(self, mels: np.ndarray, indices: np.ndarray) -> np.ndarray:
        self.batches.append(len(mels))
        if self.failing:
            raise AvatarError("the net failed", code="inference-failed")
        assert self.inner is not None
        return self.inner.render(mels, indices)


@pytest.fixture
def renderer() -> Iterator[FaceRenderer]:
    engine = FaceRenderer(NET, AVATAR, FaceConfig())
    engine.load()
    engine.warm_up()
    yield engine
    engine.close()


def windows(*levels: float) -> np.ndarray:
    return np.stack([np.full((80, 16), level, np.float32) for level in levels])


def request(first: int, *levels: float) -> RenderRequest:
    return RenderRequest(tuple(range(first, first + len(levels))), windows(*levels))


def stepped(renderer: FaceRenderer, *requests: RenderRequest) -> list[list[RenderedFrame]]:
    """Do what the bridge does: a round is one advance, then one step of each request."""
    generators = [renderer.render(one) for one in requests]
    items: list[list[RenderedFrame]] = [[] for _ in requests]
    running = set(range(len(requests)))
    for _ in range(200):
        renderer.advance()
        for number in sorted(running):
            try:
                item = next(generators[number])
            except StopIteration:
                running.discard(number)
                continue
            if item is not None:
                items[number].extend(item)
        if not running:
            return items
    raise AssertionError("the requests never end")


def test_pictures_come_in_order_and_show_the_mouth(renderer: FaceRenderer) -> None:
    (frames,) = stepped(renderer, request(3, *[LOUD] * 11))

    assert [frame.index for frame in frames] == list(range(3, 14))
    idle = Compositor(renderer.avatar)
    at = (generate.BOX[1] + 46) * 96 + generate.BOX[0] + 32
    for frame in frames:
        assert len(frame.picture) == 96 * 80 * 3 // 2
        # The grey mouth is 128 in BGR, which is 126 in limited-range luma.
        assert abs(frame.picture[at] - 126) <= 3
        assert frame.picture[: 96 * 8] == idle.idle(frame.index)[: 96 * 8]


def test_silence_is_the_idle_frame_and_needs_no_net(renderer: FaceRenderer) -> None:
    net = CountedNet(renderer)
    (frames,) = stepped(renderer, request(0, *[SILENT] * 9))

    idle = Compositor(renderer.avatar)
    assert [frame.picture for frame in frames] == [idle.idle(index) for index in range(9)]
    assert net.batches == []


def test_speech_with_a_pause_keeps_its_order(renderer: FaceRenderer) -> None:
    levels = [LOUD, LOUD, SILENT, SILENT, LOUD, SILENT]
    (frames,) = stepped(renderer, request(0, *levels))

    idle = Compositor(renderer.avatar)
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.picture == idle.idle(frame.index) for frame in frames] == [level == SILENT for level in levels]


def test_all_requests_share_one_batch(renderer: FaceRenderer) -> None:
    net = CountedNet(renderer)
    items = stepped(renderer, request(0, LOUD, LOUD), request(10, LOUD, LOUD), request(20, LOUD, LOUD, LOUD, LOUD))

    assert [[frame.index for frame in frames] for frames in items] == [[0, 1], [10, 11], [20, 21, 22, 23]]
    assert net.batches == [8]


def test_a_batch_gives_what_single_runs_give(renderer: FaceRenderer) -> None:
    levels = np.linspace(-2, 4, 7)
    together = stepped(renderer, *[request(5 * number, level) for number, level in enumerate(levels)])
    alone = [stepped(renderer, request(5 * number, level))[0] for number, level in enumerate(levels)]
    assert [frames[0].picture for frames in together] == [frames[0].picture for frames in alone]


def test_batches_are_powers_of_two_up_to_the_limit() -> None:
    engine = FaceRenderer(NET, AVATAR, FaceConfig(batch_max=4))
    engine.load()
    net = CountedNet(engine)
    stepped(engine, request(0, *[LOUD] * 7))
    assert set(net.batches) <= {1, 2, 4}
    engine.close()


def late(first: int, due_s: float, *levels: float) -> RenderRequest:
    return RenderRequest(request(first, *levels).indices, windows(*levels), due_s)


def taken(rendering: Rendering) -> list[int]:
    return [frame.index for frame in next(rendering) or ()]


def test_the_frames_that_are_shown_first_are_drawn_first() -> None:
    """A visitor who begins while others' speech is drawn ahead is in the very next batch, and the sooner go first."""
    engine = FaceRenderer(NET, AVATAR, FaceConfig(batch_max=4), clock=lambda: 100.0)
    engine.load()
    ahead, soon = engine.render(late(0, 102.0, *[LOUD] * 25)), engine.render(late(100, 100.5, *[LOUD] * 3))
    engine.advance()
    assert (taken(ahead), taken(soon)) == ([0], [100, 101, 102])
    new = engine.render(late(200, 100.0, *[LOUD] * 4))
    engine.advance()
    assert (taken(ahead), taken(new)) == ([], [200, 201, 202, 203])
    ahead.close()
    new.close()
    soon.close()


def test_ten_who_speak_at_once_are_drawn_in_step() -> None:
    engine = FaceRenderer(NET, AVATAR, FaceConfig(), clock=lambda: 0.0)
    engine.load()
    renderings = [engine.render(late(1000 * number, 0.5, *[LOUD] * 25)) for number in range(10)]
    drawn = [0] * 10
    for _ in range(20):
        engine.advance()
        drawn = [count + len(taken(rendering)) for count, rendering in zip(drawn, renderings, strict=True)]
        assert max(drawn) - min(drawn) <= 1
    assert sum(drawn) == 20 * 8
    for rendering in renderings:
        rendering.close()


def test_a_frame_that_is_due_is_not_held_up_by_a_large_batch() -> None:
    """One frame takes 10 ms here, eight take 80: what is due goes alone, what has time goes together."""
    now = [0.0]
    engine = FaceRenderer(NET, AVATAR, FaceConfig(), clock=lambda: now[0])
    engine.load()
    net = CountedNet(engine)
    engine._cost_s = {size: size / 100 for size in (1, 2, 4, 8)}  # pyright: ignore[reportPrivateUsage]
    rendering = engine.render(late(0, 0.0, *[LOUD] * 16))
    for now[0] in (0.0, 0.01, 0.03):
        engine.advance()
        taken(rendering)
    assert net.batches == [1, 2, 8], "0, 30 and 90 ms are left"
    rendering.close()
    late_one = engine.render(late(0, -1.0, *[LOUD] * 8))
    engine.advance()
    assert net.batches[-1] == 8, "far behind, as many as can be"
    late_one.close()


def test_a_gpus_batches_are_larger() -> None:
    assert batch_sizes(8, cuda=False) == (1, 2, 4, 8)
    assert batch_sizes(4, cuda=False) == (1, 2, 4)
    assert batch_sizes(0, cuda=False) == (1,)
    assert batch_sizes(8, cuda=True)[-1] == 64


def test_a_request_that_nobody_reads_does_not_fill_the_memory(renderer: FaceRenderer) -> None:
    net = CountedNet(renderer)
    generator = renderer.render(request(0, *[LOUD] * 100))
    next(generator)
    for _ in range(50):
        renderer.advance()
    assert sum(net.batches) <= 16
    assert len(taken(generator)) <= 16
    generator.close()


def test_a_closed_request_costs_nothing_more(renderer: FaceRenderer) -> None:
    net = CountedNet(renderer)
    generator = renderer.render(request(0, *[LOUD] * 20))
    next(generator)
    renderer.advance()
    assert next(generator) is not None
    generator.close()
    ran = list(net.batches)
    renderer.advance()
    assert net.batches == ran


def test_a_failing_net_fails_the_requests_of_its_batch_and_no_other(renderer: FaceRenderer) -> None:
    net = CountedNet(renderer)
    first = renderer.render(request(0, *[LOUD] * 8))
    net.failing = True
    renderer.advance()
    net.failing = False
    second = renderer.render(request(50, LOUD))
    assert next(second) is None
    with pytest.raises(AvatarError) as caught:
        next(first)
    assert caught.value.code == "inference-failed"
    renderer.advance()
    assert taken(second) == [50]


def test_windows_that_are_not_finite_are_refused(renderer: FaceRenderer) -> None:
    with pytest.raises(AvatarError) as caught:
        next(renderer.render(RenderRequest((0,), np.full((1, 80, 16), np.nan, np.float32))))
    assert caught.value.code == "avatar-input"


def test_windows_must_fit_their_indices(renderer: FaceRenderer) -> None:
    with pytest.raises(AvatarError) as caught:
        next(renderer.render(RenderRequest((1, 2), windows(LOUD))))
    assert caught.value.code == "avatar-input"


def test_another_frame_rate_is_refused() -> None:
    engine = FaceRenderer(NET, AVATAR, FaceConfig(fps=30))
    with pytest.raises(AvatarError, match="25 frames"):
        engine.load()


def test_files_are_opened_by_load(tmp_path: Path) -> None:
    engine = FaceRenderer(tmp_path / "none.onnx", AVATAR, FaceConfig())
    with pytest.raises(AvatarError, match=r"none\.onnx"):
        engine.load()


def test_what_a_session_needs_is_known_after_load(renderer: FaceRenderer) -> None:
    assert renderer.window_offset_s == -0.08
    assert renderer.avatar.card.name == "tiny"
