"""The JSON of the command: exactly the promised keys, and the right numbers in them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from appliance.evaluation.plot import dots
from appliance.evaluation.report import Samples, report, table

FULL = Samples(
    turns=4,
    errors=["one"],
    mouth_to_ear_ms=[600.0, 700.0, 800.0, 1000.0],
    first_lip_ms=[590.0, 690.0],
    frames_per_second=[25] * 19 + [20],
    av_offset_ms=[-30.0, 10.0, 20.0],
    barge_in_ms=[200.0, 400.0],
    heard_in_pause={"0.6": [False, False, True, False], "1.0": [True]},
    known_question_ms=[600.0, 700.0],
    cleanup_s=[0.5, 2.25],
)


def test_keys_are_those_that_are_promised() -> None:
    figures = report(FULL, Samples(turns=4, mouth_to_ear_ms=[1500.0]), sessions=2)
    assert list(figures) == [
        "turns",
        "sessions",
        "errors",
        "mouth_to_ear_ms",
        "first_lip_ms",
        "video_fps",
        "av_offset_ms",
        "barge_in_ms",
        "heard_in_pause",
        "known_question_ms",
        "cleanup_s",
        "baseline",
        "ratio",
    ]
    assert list(figures["baseline"]) == list(figures)[:11]


def test_figures_are_those_of_the_samples() -> None:
    figures = report(FULL, Samples(turns=4, mouth_to_ear_ms=[1500.0]), sessions=2)
    assert figures["errors"] == 1
    assert figures["mouth_to_ear_ms"] == {"p50": 750.0, "p95": 970.0, "max": 1000.0}
    assert figures["video_fps"] == {"p5": pytest.approx(24.8), "p50": 25}
    assert figures["av_offset_ms"] == {"p50": 10.0, "p95_abs": 29.0}
    assert figures["barge_in_ms"] == {"p50": 300.0, "p95": 390.0}
    assert figures["heard_in_pause"] == {"0.6": 0.25, "1.0": 1.0}
    assert figures["known_question_ms"] == {"p50": 650.0}
    assert figures["cleanup_s"] == {"max": 2.25}
    assert figures["ratio"] == {"mouth_to_ear_p50": 0.5}
    assert "0.50" in table(figures)


def test_what_was_not_measured_is_null_and_not_a_number() -> None:
    figures = report(Samples(turns=1), None, sessions=1)
    assert figures["baseline"] is None
    assert figures["ratio"] == {"mouth_to_ear_p50": None}
    assert figures["av_offset_ms"] == {"p50": None, "p95_abs": None}
    assert figures["heard_in_pause"] == {"0.6": None, "1.0": None}
    assert figures["video_fps"] == {"p5": None, "p50": None}
    assert "video_fps" not in table(figures)
    assert "turns" in table(figures)


def test_the_plot_has_a_dot_a_turn() -> None:
    root = ET.fromstring(dots({"box": [600.0, 700.0], "stock": [1600.0]}, "title"))
    circles = [e for e in root if e.tag.endswith("circle")]
    assert len(circles) == 3
    assert float(circles[0].get("cx", 0)) < float(circles[1].get("cx", 0)) < float(circles[2].get("cx", 0))
