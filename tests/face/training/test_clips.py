"""The repertoire: every clip begins and ends at rest, breathes, and blinks and moves as people do."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from appliance.face.life import STATES
from appliance.face.making.pack import FPS
from appliance.face.training.clips import CLIPS, Clip, departure_px
from appliance.face.training.look import Pose

IDLE = [clip for clip in CLIPS.values() if clip.kind == "idle"]


def rows(clip: Clip) -> np.ndarray:
    """The poses of a clip and the one that follows it: (frames + 1, values)."""
    poses = [*clip.poses(), clip.pose(clip.seconds)]
    return np.array([np.concatenate([np.ravel(value) for value in astuple(pose)]) for pose in poses])


@pytest.mark.parametrize("clip", CLIPS.values(), ids=lambda clip: clip.name)
def test_a_clip_begins_and_ends_at_rest_and_stands_still_there(clip: Clip) -> None:
    assert departure_px(clip.pose(0.0)) < 0.01
    assert departure_px(clip.pose(clip.seconds)) < 0.01
    poses = rows(clip)
    steps = np.abs(np.diff(poses, axis=0))
    assert (steps[0] <= steps.max(0) * 0.5 + 1e-9).all()
    assert (steps[-1] <= steps.max(0) * 0.5 + 1e-9).all()
    assert departure_px(clip.pose(1 / FPS)) < 0.1
    assert departure_px(clip.pose(clip.seconds - 1 / FPS)) < 0.1


@pytest.mark.parametrize("clip", CLIPS.values(), ids=lambda clip: clip.name)
def test_a_head_moves_softly_and_no_further_than_a_head_at_a_counter(clip: Clip) -> None:
    poses = clip.poses()
    place = np.array([[pose.dx, pose.dy, 2.6 * pose.roll, 3 * pose.pitch, 4 * pose.yaw] for pose in poses])
    assert np.abs(place).max() < 6
    assert np.abs(np.diff(place, axis=0)).max() < 0.6
    assert {pose.breath for pose in poses if pose.breath > 0.3}, "it breathes"
    assert max(pose.breath for pose in poses) <= 1


@pytest.mark.parametrize("clip", CLIPS.values(), ids=lambda clip: clip.name)
def test_a_clip_may_be_left_where_it_is_hardly_to_be_told_from_rest(clip: Clip) -> None:
    exits = clip.exits()
    assert exits[0] == 0
    assert exits[-1] == clip.frames - 1
    assert all(departure_px(clip.poses()[place]) < 0.2 for place in exits)
    assert len(exits) < clip.frames / 2


def test_eyes_close_fifteen_to_twenty_times_a_minute_unevenly_and_once_twice() -> None:
    blinks = sum(len(clip.blinks_s) for clip in IDLE)
    minutes = sum(clip.seconds for clip in IDLE) / 60
    assert 15 <= blinks / minutes <= 20
    assert {len(clip.blinks_s) for clip in IDLE} >= {0, 1, 2}
    closed = [pose.blink for pose in CLIPS["idle-4"].poses()]
    assert sum(blink >= 1 for blink in closed) == 2
    assert sum(blink > 0.05 for blink in closed) == 14


def test_there_is_a_clip_for_every_state_and_no_more_frames_than_fit_into_memory() -> None:
    kinds = {clip.kind for clip in CLIPS.values()}
    assert kinds == {manner.first for manner in STATES.values()} | {k for m in STATES.values() for k in m.then}
    assert sum(clip.kind == "nod" for clip in CLIPS.values()) >= 2
    assert sum(clip.frames for clip in CLIPS.values()) <= 900


def test_what_is_meant_is_seen() -> None:
    def furthest(name: str, what: str) -> float:
        return max((getattr(pose, what) for pose in CLIPS[name].poses()), key=abs)

    assert furthest("nod-1", "pitch") > 0.4
    assert furthest("think-1", "pitch") < 0
    assert min(pose.gaze[1] for pose in CLIPS["think-1"].poses()) < -0.6
    assert furthest("greet-1", "smile") > 0.35
    assert furthest("greet-1", "squint") > 0.6
    assert furthest("calm-1", "concern") > 0.7
    assert furthest("calm-1", "smile") < -0.25
    assert Pose() == Pose(squint=0, concern=0)
