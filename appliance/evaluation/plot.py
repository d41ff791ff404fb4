"""Draws measurements as SVG, one dot each, in rows or over a second number: numbers in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_WIDTH, _LEFT, _ROW, _TOP = 720, 90, 90, 56
_HEIGHT = 260
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


def scatter(rows: Mapping[str, Sequence[tuple[float, float]]], title: str, axes: tuple[str, str]) -> str:
    """An SVG with one dot a measurement over a second number.

    Args:
        rows: name -> (x, y).
        axes: what x and y are, with their units.
    """
    points = [point for row in rows.values() for point in row] or [(0.0, 0.0)]
    ends = [(min(values), max(values)) for values in zip(*points, strict=True)]
    (x0, x1), (y0, y1) = [(low, high) if high > low else (low - 1, high + 1) for low, high in ends]
    bottom, right = _TOP + _HEIGHT, _WIDTH - 30

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (x - x0) / (x1 - x0) * (right - _LEFT), bottom - (y - y0) / (y1 - y0) * _HEIGHT

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 64}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{bottom + 64}" fill="white"/>',
        f'<text x="16" y="28" font-size="16">{title}</text>',
        f'<text x="{right}" y="{bottom + 38}" text-anchor="end">{axes[0]}</text>',
        f'<text x="16" y="{_TOP - 8}">{axes[1]}</text>',
    ]
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
        left, low = at(x, y)
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{low:.1f}" y2="{low:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{low + 4:.1f}" text-anchor="end">{y:.4g}</text>')
        parts.append(f'<text x="{left:.1f}" y="{bottom + 18}" text-anchor="middle">{x:.4g}</text>')
    for index, (name, row) in enumerate(rows.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(f'<text x="{_LEFT + 120 * index}" y="{bottom + 54}" fill="{colour}">{name}</text>')
        dots_of = (at(x, y) for x, y in row)
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in dots_of]
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
