"""Figures of whole runs: samples of all visits in, the JSON that the command prints out, and a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from appliance.evaluation.measures import spread

PAUSES_S = (0.6, 1.0)
"""Pauses that visitors make inside a question."""


@dataclass(slots=True)
class Samples:
    """Every single measurement of one system."""

    turns: int = 0
    """Questions that were asked to be answered."""
    errors: list[str] = field(default_factory=list[str])
    """A question without an answer in 15 s, an answer over the question, a lost room, an exception."""
    mouth_to_ear_ms: list[float] = field(default_factory=list[float])
    """One a turn."""
    first_lip_ms: list[float] = field(default_factory=list[float])
    """One a turn, where there is a mouth."""
    frames_per_second: list[int] = field(default_factory=list[int])
    """One a second of each visit."""
    av_offset_ms: list[float] = field(default_factory=list[float])
    """One a whole answer, where there is a mouth; above 0 the pictures are late."""
    av_correlation: list[float] = field(default_factory=list[float])
    """How alike both mouths were, one an offset."""
    lips_frozen: list[float] = field(default_factory=list[float])
    """One an offset: the share of lip movements that did not arrive, because pictures were late and held."""
    barge_in_ms: list[float] = field(default_factory=list[float])
    """One an interruption of a speaking avatar."""
    heard_in_pause: dict[str, list[bool]] = field(default_factory=dict[str, list[bool]])
    """Seconds of a pause inside a question -> whether an answer was heard in it, one a question."""
    known_question_ms: list[float] = field(default_factory=list[float])
    """Mouth to ear of the questions that were answered with an approved answer."""
    cleanup_s: list[float] = field(default_factory=list[float])
    """One a round of visits: from the last visitor's leaving."""
    microphone_late_ms: list[float] = field(default_factory=list[float])
    """One a recording: how late its latest frame was sent. Not a figure of the box, but of how well it was measured."""

    def summary(self, sessions: int) -> dict[str, Any]:
        """The figures as `--json` prints them; null where there was nothing to measure."""
        return {
            "turns": self.turns,
            "sessions": sessions,
            "errors": len(self.errors),
            "mouth_to_ear_ms": _three(self.mouth_to_ear_ms),
            "first_lip_ms": _three(self.first_lip_ms),
            "video_fps": quantiles(self.frames_per_second, p5=5, p50=50),
            "av_offset_ms": {
                **quantiles(self.av_offset_ms, p50=50),
                "p95_abs": quantiles([abs(value) for value in self.av_offset_ms], p95=95)["p95"],
            },
            "barge_in_ms": quantiles(self.barge_in_ms, p50=50, p95=95),
            "heard_in_pause": {f"{length}": _share(self.heard_in_pause.get(f"{length}")) for length in PAUSES_S},
            "known_question_ms": quantiles(self.known_question_ms, p50=50),
            "cleanup_s": {"max": round(max(self.cleanup_s), 2) if self.cleanup_s else None},
        }


def report(box: Samples, baseline: Samples | None, sessions: int) -> dict[str, Any]:
    """What `appliance bench conversation --json` prints."""
    ours = box.summary(sessions)
    theirs = baseline.summary(sessions) if baseline is not None else None
    ratio = None
    if theirs is not None and ours["mouth_to_ear_ms"]["p50"] and theirs["mouth_to_ear_ms"]["p50"]:
        ratio = round(ours["mouth_to_ear_ms"]["p50"] / theirs["mouth_to_ear_ms"]["p50"], 3)
    return {**ours, "baseline": theirs, "ratio": {"mouth_to_ear_p50": ratio}}


def table(figures: dict[str, Any]) -> str:
    """The same for people, one figure a line, the baseline beside it; what was not measured is left out."""
    lines = [f"{'':34}{'box':>10}{'stock':>10}" if figures["baseline"] else f"{'':34}{'box':>10}"]
    for key, value in figures.items():
        if key in ("baseline", "ratio"):
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, number in parts:
            other = (figures["baseline"] or {}).get(key)
            theirs = other.get(part) if isinstance(other, dict) else other
            if number is None and theirs is None:
                continue
            beside = f"{_number(theirs):>10}" if figures["baseline"] else ""
            lines.append(f"{f'{key} {part}'.strip():34}{_number(number):>10}{beside}")
    if figures["ratio"]["mouth_to_ear_p50"] is not None:
        lines.append(f"{'mouth-to-ear, box / stock':34}{figures['ratio']['mouth_to_ear_p50']:>10.2f}")
    return "\n".join(lines)


def _three(values: Sequence[float]) -> dict[str, float | None]:
    found = spread(values)
    if found is None:
        return {"p50": None, "p95": None, "max": None}
    return {"p50": round(found.p50, 1), "p95": round(found.p95, 1), "max": round(found.max, 1)}


def _share(found: Sequence[bool] | None) -> float | None:
    return round(sum(found) / len(found), 3) if found else None


def quantiles(values: Sequence[float], **wanted: int) -> dict[str, float | None]:
    """Name -> percentile, as `p95=95` asks for it; null without values."""
    return {name: round(float(np.percentile(values, q)), 1) if len(values) else None for name, q in wanted.items()}


def _number(value: object) -> str:
    return "-" if value is None else str(value)
