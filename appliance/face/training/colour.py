"""Colours in, colours out: the arithmetic of skin, hair and cloth in light and shade."""

from __future__ import annotations

Colour = tuple[float, float, float]
"""Red, green, blue, 0 to 255."""


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; share 0 gives the first."""
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )


def dark(colour: Colour, share: float) -> Colour:
    """Darken a colour, keeping it warm."""
    return mix(colour, (colour[0] * 0.26, colour[1] * 0.12, colour[2] * 0.10), share)


def light(colour: Colour, share: float) -> Colour:
    """Lighten a colour."""
    return mix(colour, (255.0, 248.0, 238.0), share)
