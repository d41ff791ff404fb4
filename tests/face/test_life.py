"""A face's frames: clips in an order that does not come again, and what fits the conversation as soon as it can."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from appliance.face.life import RESTS, Clip, Life

FPS = 25
TEN_MINUTES = 10 * 60 * FPS
WINDOW = 8 * FPS


def repertoire() -> list[Clip]:
    """As long as those of the shipped avatar; each may be left after its first and last frames."""
    lengths = {
        "idle": (65, 75, 85, 95, 110), "nod": (40, 48), "listen": (68,), "think": (55,), "greet": (60,), "calm": (64,)
    }  # fmt: skip
    clips: list[Clip] = []
    for kind, frames in lengths.items():
        for number, n in enumerate(frames):
            first = clips[-1].first + clips[-1].frames if clips else 0
            clips.append(Clip(f"{kind}-{number}", kind, first, n, (0, 1, 2, n - 2, n - 1)))
    return clips


CLIPS = repertoire()
N_FRAMES = CLIPS[-1].first + CLIPS[-1].frames


def played(life: Life, ticks: range) -> list[str]:
    """The clips that these ticks' frames belong to, each once."""
    names = [next(c.name for c in CLIPS if c.first <= life.frame(t) < c.first + c.frames) for t in ticks]
    return [name for place, name in enumerate(names) if not place or name != names[place - 1]]


def test_an_avatar_without_clips_is_one_loop() -> None:
    life = Life((), 7, "anybody")
    assert [life.frame(tick) for tick in range(16)] == [*range(7), *range(7), 0, 1]
    life.live("thinking", after=3)
    assert life.frame(17) == 3


def test_a_tick_always_has_the_same_frame_whoever_asks_first() -> None:
    forward, ahead = Life(CLIPS, N_FRAMES, "a"), Life(CLIPS, N_FRAMES, "a")
    ahead.frame(2000)
    wanted = [forward.frame(tick) for tick in range(2000)]
    assert [ahead.frame(tick) for tick in range(2000)] == wanted
    assert [forward.frame(tick) for tick in range(2000)] == wanted


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_frames_go_on_one_by_one_or_rest_or_begin_a_clip(seed: str) -> None:
    life = Life(CLIPS, N_FRAMES, seed)
    frames = [life.frame(tick) for tick in range(5000)]
    firsts, lasts = {clip.first for clip in CLIPS}, {clip.first + clip.frames - 1 for clip in CLIPS}
    for before, now in itertools.pairwise(frames):
        rests = now == before and now in firsts
        assert now == before + 1 or rests or (before in lasts and now in firsts)


@pytest.mark.parametrize("seed", ["1", "2", "3", "4", "5"])
def test_nothing_repeats_within_ten_minutes(seed: str) -> None:
    life = Life(CLIPS, N_FRAMES, seed)
    frames = np.array([life.frame(tick) for tick in range(TEN_MINUTES)])
    windows = np.lib.stride_tricks.sliding_window_view(frames, WINDOW)
    assert len({window.tobytes() for window in windows}) == len(windows)
    names = played(Life(CLIPS, N_FRAMES, seed), range(TEN_MINUTES))
    assert all(name.startswith("idle") for name in names)
    shares = [names.count(clip.name) / len(names) for clip in CLIPS if clip.kind == "idle"]
    assert min(shares) > 0.1, "and all idle clips are seen"


@pytest.mark.parametrize(
    ("state", "kind"), [("listening", "listen"), ("thinking", "think"), ("greeting", "greet"), ("calm", "calm")]
)
def test_a_state_begins_with_its_own_clip_at_the_next_joint(state: str, kind: str) -> None:
    life = Life(CLIPS, N_FRAMES, "v")
    life.frame(20)
    life.live(state, after=20)
    names = played(life, range(250))
    assert names[0].startswith("idle")
    assert names[1].startswith(kind)


def test_a_clip_is_left_early_where_it_may_be() -> None:
    life = Life(CLIPS, N_FRAMES, "v")
    shown = life.frame(0)
    life.live("greeting", after=0)
    frames = [life.frame(tick) for tick in range(3 + RESTS[-1])]
    assert frames[0] == shown
    greet = next(clip for clip in CLIPS if clip.kind == "greet")
    assert greet.first in frames


def test_what_was_drawn_ahead_stays_and_what_was_only_planned_does_not() -> None:
    life = Life(CLIPS, N_FRAMES, "v")
    ahead = [life.frame(tick) for tick in range(400)]
    life.live("greeting", after=300)
    assert [life.frame(tick) for tick in range(301)] == ahead[:301]
    assert "greet-0" in played(life, range(300, 480))
    other = Life(CLIPS, N_FRAMES, "v")
    assert [other.frame(tick) for tick in range(400)] == ahead
    other.live("greeting", after=5)
    assert "greet-0" in played(other, range(130)), "speech that was drawn ahead was thrown away"


def test_listening_nods_now_and_then_and_no_clip_follows_itself() -> None:
    life = Life(CLIPS, N_FRAMES, "v")
    life.live("listening", after=0)
    names = played(life, range(TEN_MINUTES))
    kinds = [name.split("-")[0] for name in names]
    assert set(kinds) == {"idle", "listen", "nod"}
    assert 0.1 < kinds.count("nod") / len(kinds) < 0.45
    life.live("idle", after=TEN_MINUTES)
    later = played(life, range(TEN_MINUTES + 200, TEN_MINUTES + 2000))
    assert all(name.startswith("idle") for name in later)


def test_a_repertoire_of_few_clips_plays_what_it_has() -> None:
    one = [Clip("sway", "idle", 0, 30)]
    life = Life(one, 30, "v")
    life.live("thinking", after=0)
    assert {life.frame(tick) for tick in range(500)} == set(range(30))
    nods = [Clip("nod", "nod", 0, 10), Clip("bow", "nod", 10, 10)]
    assert {Life(nods, 20, "v").frame(tick) for tick in range(200)} == set(range(20))


def test_an_unknown_state_is_an_error() -> None:
    with pytest.raises(KeyError):
        Life(CLIPS, N_FRAMES, "v").live("dancing", after=0)
