"""Draws mouth-to-ear of both systems, one dot a turn, as an SVG: numbers in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_WIDTH, _LEFT, _ROW, _TOP = 720, 90, 90, 56
_COLOURS = ("#2563eb", "#9ca3af")


@dataclass(frozen=True, slots=True)
class _Axis:
    end_ms: float
    step_ms: int

    def at(self, ms: float) -> float:
        return _LEFT + ms * (_WIDTH - _LEFT - 30) / self.end_ms

    def label(self, ms: float) -> str:
        return f"{ms:.3g} ms" if self.step_ms < 100 else f"{round(ms / 1000, 2):g} s"


def dots(rows: Mapping[str, Sequence[float]], title: str, step_ms: int = 500) -> str:
    """An SVG with one row of dots a system, its median marked.

    Args:
        rows: system -> milliseconds, one a turn.
        step_ms: between two lines; below 100 the plot is labelled in milliseconds.
    """
    values = [value for row in rows.values() for value in row] or [0.0]
    axis = _Axis(step_ms * (max(values) // step_ms + 1.0), step_ms)
    height = _TOP + _ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="28" font-size="16">{title}</text>',
    ]
    for tick in range(0, int(axis.end_ms) + 1, step_ms):
        x = axis.at(tick)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 36}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 18}" text-anchor="middle">{axis.label(tick)}</text>')
    for row, (name, times) in enumerate(rows.items()):
        parts += _row(name, times, _TOP + _ROW * row + _ROW // 2, axis, _COLOURS[row % len(_COLOURS)])
    return "\n".join([*parts, "</svg>", ""])


def _row(name: str, times: Sequence[float], y: int, axis: _Axis, colour: str) -> list[str]:
    parts = [f'<text x="16" y="{y + 5}">{name}</text>']
    for index, time in enumerate(times):
        shift = (index * 7) % 29 - 14  # spreads equal times; any fixed pattern does
        parts.append(f'<circle cx="{axis.at(time):.1f}" cy="{y + shift}" r="4.5" fill="{colour}" fill-opacity="0.75"/>')
    if times:
        median = float(np.median(times))
        x = axis.at(median)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 28}" y2="{y + 28}" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(f'<text x="{x + 5:.1f}" y="{y - 20}">{axis.label(median)}</text>')
    return parts
