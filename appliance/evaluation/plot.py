"""Draws mouth-to-ear of both systems, one dot a turn, as an SVG: numbers in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

_WIDTH, _LEFT, _ROW, _TOP = 720, 90, 90, 56
_COLOURS = ("#2563eb", "#9ca3af")


def dots(rows: Mapping[str, Sequence[float]], title: str) -> str:
    """An SVG with one row of dots a system, its median marked.

    Args:
        rows: system -> milliseconds, one a turn.
    """
    values = [value for row in rows.values() for value in row] or [0.0]
    end_ms = 500.0 * (max(values) // 500 + 1)
    scale = (_WIDTH - _LEFT - 30) / end_ms
    height = _TOP + _ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="16" y="28" font-size="16">{title}</text>',
    ]
    for tick in range(0, int(end_ms) + 1, 500):
        x = _LEFT + tick * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 36}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 18}" text-anchor="middle">{tick / 1000:g} s</text>')
    for row, (name, times) in enumerate(rows.items()):
        parts += _row(name, times, _TOP + _ROW * row + _ROW // 2, scale, _COLOURS[row % len(_COLOURS)])
    return "\n".join([*parts, "</svg>", ""])


def _row(name: str, times: Sequence[float], y: int, scale: float, colour: str) -> list[str]:
    parts = [f'<text x="16" y="{y + 5}">{name}</text>']
    for index, time in enumerate(times):
        shift = (index * 7) % 29 - 14  # spreads equal times; any fixed pattern does
        parts.append(
            f'<circle cx="{_LEFT + time * scale:.1f}" cy="{y + shift}" r="4.5" fill="{colour}" fill-opacity="0.75"/>'
        )
    if times:
        median = float(np.median(times))
        x = _LEFT + median * scale
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 28}" y2="{y + 28}" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(f'<text x="{x + 5:.1f}" y="{y - 20}">{median / 1000:.2f} s</text>')
    return parts
