"""Eight mouth parameters in, lips, teeth and tongue on the canvas out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face.training.colour import Colour, dark, light, mix
from appliance.face.training.look import Look
from appliance.face.training.paint import curve, linear, soft, spot, stroke

Line = NDArray[np.float64]

JAW_PX = 15.0
"""How far the chin falls at jaw 1."""
_AT = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 25))


@dataclass(frozen=True, slots=True)
class Lips:
    """The four edges of the lips over the same 25 points from corner to corner, in pixels about the mouth's middle."""

    x: Line
    """Across."""
    outer_top: Line
    """Upper edge of the upper lip."""
    inner_top: Line
    """Lower edge of the upper lip."""
    inner_low: Line
    """Upper edge of the lower lip."""
    outer_low: Line
    """Lower edge of the lower lip."""
    gap: float
    """Opening in the middle, pixels."""


def lips(look: Look, params: NDArray[np.float32], smile: float) -> Lips:
    """Work out the edges of the lips.

    Args:
        look: who.
        params: (8,) mouth parameters in [0, 1], see visemes.PARAMETERS.
        smile: how far the corners go up, 1 is a friendly rest.
    """
    jaw, wide, rounded, up, tuck, _, _, press = (float(value) for value in params)
    free = 1 - press
    half = 27 * look.mouth * (1 + 0.17 * wide - 0.36 * rounded * (1 - 0.3 * press) - 0.05 * jaw + 0.03 * smile)
    down = (15.5 * jaw + 0.8 * rounded) * free
    raised = (4.2 * up + 2.6 * jaw + 0.6 * rounded) * free
    # Under the upper teeth: the lower lip comes up, the upper one shows them.
    down = down * (1 - tuck) + tuck * (-1.0)
    raised = raised * (1 - tuck) + tuck * 4.6
    gap = max(0.0, down + raised)
    corner = -3.4 * smile * (1 - 0.75 * rounded) - 0.9 * wide + 2.2 * jaw * free
    ends = np.abs(_AT)
    # A wide mouth opens like a slot, a round one like an O.
    power = 2.3 + 0.9 * wide - 0.3 * rounded
    opening = (1 - ends**power) ** (0.80 - 0.28 * rounded)
    seam = corner * ends**1.7 + 0.9 * np.exp(-((_AT / 0.22) ** 2)) * (1 - min(1.0, gap / 8))
    inner_top = seam - raised * opening
    inner_low = seam + down * opening
    bow = (1 - ends**1.9) * (1 - 0.30 * np.exp(-((_AT / 0.13) ** 2)))
    thin = (1 - 0.18 * wide + 0.30 * rounded) * (1 - 0.26 * press)
    upper = 6.4 * look.fullness * thin * (1 - 0.12 * jaw)
    lower = 8.6 * look.fullness * thin * (1 - 0.08 * jaw) * (1 - 0.45 * tuck)
    return Lips(
        x=half * _AT,
        outer_top=inner_top - upper * bow,
        inner_top=inner_top,
        inner_low=np.maximum(inner_low, inner_top),
        outer_low=np.maximum(inner_low, inner_top) + lower * (1 - ends**2.4) ** 0.75,
        gap=gap,
    )


def draw_mouth(canvas: skia.Canvas, look: Look, params: NDArray[np.float32], smile: float) -> None:
    """Draw the mouth about the origin."""
    edges = lips(look, params, smile)
    _draw_shade(canvas, look, edges)
    if edges.gap > 0.4:
        canvas.save()
        canvas.clipPath(_between(edges.x, edges.inner_top, edges.inner_low), doAntiAlias=True)
        _draw_inside(canvas, look, edges, params)
        canvas.restore()
    _draw_lips(canvas, look, edges, float(params[7]))


def _between(x: Line, top: Line, low: Line) -> skia.Path:
    there, back = np.stack([x, top], 1), np.stack([x, low], 1)[::-1]
    return curve(np.concatenate([there, back[1:-1]]), closed=True)


def _draw_shade(canvas: skia.Canvas, look: Look, edges: Lips) -> None:
    """The lips' shadows on the skin: under the lower lip, at the corners, the groove under the nose."""
    shade = dark(look.skin, 0.42)
    low, half = float(edges.outer_low.max()), float(edges.x[-1])
    spot(canvas, (0, low + 3.4), (half * 0.52, 2.8), (shade, 0.42), 2.6)
    spot(canvas, (0, low + 9), (half * 0.40, 3.2), (light(look.skin, 0.5), 0.28), 3)
    for side in (-1, 1):
        at = (side * (half + 1.2), float(edges.inner_top[0]) + 0.3)
        spot(canvas, at, (2.6, 2.2), (shade, 0.5), 1.6)
    top = float(edges.outer_top[8:17].min())
    canvas.drawPath(curve([(0, top - 9.5), (0.3, top - 3)]), stroke(shade, 4, 0.22, 1.8))
    for side in (-1, 1):
        canvas.drawPath(
            curve([(side * 3.4, top - 9.5), (side * 3.9, top - 1.5)]), stroke(light(look.skin, 0.6), 1.6, 0.30, 1.2)
        )


def _draw_inside(canvas: skia.Canvas, look: Look, edges: Lips, params: NDArray[np.float32]) -> None:
    jaw, _, rounded, _, tuck, tongue, teeth, _ = (float(value) for value in params)
    top, low = float(edges.inner_top.min()), float(edges.inner_low.max())
    half = float(edges.x[-1])
    canvas.drawPaint(
        linear((0, top), (0, low + 1), [(0, (44, 12, 14), 1), (0.6, (84, 26, 28), 1), (1, (112, 40, 40), 1)])
    )
    # The tongue lies behind the lower teeth and its tip comes up for /l/, /d/ and /th/.
    tip = low - 3.0 - (0.16 + 0.60 * tongue) * max(0.0, low - 2.0) + 1.2 * rounded
    pink = mix((176, 74, 76), look.lips, 0.15)
    if low - tip > 1:
        box = skia.Rect.MakeLTRB(-half * 0.62, tip, half * 0.62, low + 9)
        canvas.drawOval(
            box,
            linear(
                (0, tip), (0, low), [(0, light(pink, 0.12), 1), (0.5, dark(pink, 0.12), 1), (1, dark(pink, 0.62), 1)]
            ),
        )
        canvas.drawPath(curve([(0, tip + 2.2), (0, low + 2)]), stroke(dark(pink, 0.5), 1.2, 0.45, 0.8))
    _draw_teeth(canvas, half, low, edges, (teeth, jaw, tuck, rounded))
    if tongue > 0.75:
        share = (tongue - 0.75) * 4
        spot(canvas, (0, 2.6 + 1.3 * jaw), (half * 0.40, 2.6), (light(pink, 0.12), 0.9 * share), 0.5)
    canvas.drawPath(
        curve(np.stack([edges.x, edges.inner_low - 0.4], 1)),
        stroke((40, 10, 12), min(2.2, 0.3 + 0.2 * edges.gap), 0.5, 0.8),
    )
    # The upper lip's shadow on what lies behind it.
    shadow = curve(np.stack([edges.x, edges.inner_top + 0.4], 1))
    canvas.drawPath(shadow, stroke((30, 6, 8), min(3.4, 0.9 + 0.28 * edges.gap), 0.46, 0.9))
    for side in (-1, 1):
        spot(canvas, (side * half, 0), (half * 0.26, 12), ((28, 6, 8), 0.62), 3)


def _draw_teeth(
    canvas: skia.Canvas, half: float, low: float, edges: Lips, shape: tuple[float, float, float, float]
) -> None:
    teeth, jaw, tuck, rounded = shape
    enamel: Colour = (247, 240, 228)
    # Upper teeth hang from the skull: the lips open over them. Lower teeth go with the jaw.
    edge = 0.6 + 3.0 * teeth + 0.8 * jaw + 1.2 * tuck - 3.2 * rounded * (1 - teeth)
    breadth = half * 0.84
    row = np.linspace(-1, 1, 15)
    bottom = edge - 1.7 * row**2
    shape_top = np.concatenate([np.stack([row * breadth, bottom], 1), [[breadth, -16], [-breadth, -16]]])
    if low > edge + 0.2:
        climb = max(0.35, low - edge - (0.7 + 4.2 * jaw + 3.4 * (1 - teeth)))
        if teeth > 0.25 and climb > 0.5:
            lower = low - min(climb, 4.4) + 1.0 * row**2
            body = np.concatenate(
                [np.stack([row * breadth * 0.86, lower], 1), [[breadth, low + 8], [-breadth, low + 8]]]
            )
            canvas.drawPath(
                curve(body, closed=True),
                linear((0, low - 5), (0, low), [(0, dark(enamel, 0.10), 0.95), (1, dark(enamel, 0.30), 0.95)]),
            )
    paint = linear((0, -6), (0, edge), [(0, dark(enamel, 0.24), 1), (0.55, enamel, 1), (1, dark(enamel, 0.05), 1)])
    canvas.save()
    canvas.clipPath(curve(shape_top, closed=True), doAntiAlias=True)
    canvas.drawPaint(paint)
    canvas.drawPaint(
        linear(
            (-breadth, 0),
            (breadth, 0),
            [(0, (70, 30, 28), 0.85), (0.26, (90, 50, 40), 0), (0.74, (90, 50, 40), 0), (1, (70, 30, 28), 0.85)],
        )
    )
    for line, alpha in ((0.0, 0.20), (0.235, 0.17), (-0.235, 0.17), (0.44, 0.14), (-0.44, 0.14)):
        at = line * breadth
        canvas.drawLine(at, -7, at * 1.02, edge, stroke((150, 120, 104), 0.7, alpha * 1.6))
    canvas.restore()


def _draw_lips(canvas: skia.Canvas, look: Look, edges: Lips, press: float) -> None:
    upper = _between(edges.x, edges.outer_top, edges.inner_top)
    lower = _between(edges.x, edges.inner_low, edges.outer_low)
    tone, half = look.lips, float(edges.x[-1])
    top, middle = float(edges.outer_top.min()), float(edges.inner_top[12])
    low, rim = float(edges.outer_low.max()), float(edges.inner_low[12])
    paint = linear(
        (0, top),
        (0, middle + 0.5),
        [(0, mix(tone, look.skin, 0.32), 1), (0.5, dark(tone, 0.08), 1), (1, dark(tone, 0.26), 1)],
    )
    soft(paint, 0.55)
    canvas.drawPath(upper, paint)
    paint = linear(
        (0, rim),
        (0, low),
        [(0, dark(tone, 0.20), 1), (0.28, tone, 1), (0.7, light(tone, 0.10), 1), (1, mix(tone, look.skin, 0.30), 1)],
    )
    soft(paint, 0.55)
    canvas.drawPath(lower, paint)
    canvas.save()
    canvas.clipPath(lower, doAntiAlias=True)
    glow = light(tone, 0.75)
    thick = low - rim
    spot(canvas, (-half * 0.10, rim + thick * 0.46), (half * 0.34, thick * 0.20), (glow, 0.34), 1.7)
    for side in (-1, 1):
        spot(canvas, (side * half, rim), (half * 0.30, 6), (dark(tone, 0.5), 0.34), 3)
    canvas.restore()
    canvas.drawPath(
        curve([(-half * 0.30, top + 0.3), (-half * 0.14, top - 0.3), (0, float(edges.outer_top[12]))]),
        stroke(light(look.skin, 0.75), 0.9, 0.40, 0.7),
    )
    closed = max(0.0, 1 - edges.gap / 2.5)
    if closed:
        seam = curve(np.stack([edges.x, (edges.inner_top + edges.inner_low) / 2], 1))
        canvas.drawPath(seam, stroke(dark(tone, 0.66), 1.3, 0.78 * closed, 0.45))
        canvas.drawPath(seam, stroke(dark(tone, 0.60), 3.0, 0.26 * closed, 1.1))


def cheeks(canvas: skia.Canvas, look: Look, params: NDArray[np.float32], smile: float) -> None:
    """Draw the folds from nose to mouth, deeper with a spread mouth; the origin is the mouth's middle."""
    depth = 0.10 + 0.16 * float(params[1]) + 0.08 * smile + 0.05 * float(params[0])
    shade = dark(look.skin, 0.46)
    for side in (-1, 1):
        fold = [(side * 16.5 * look.nose, -26), (side * 24, -17), (side * 31.5, -5), (side * 33, 3)]
        canvas.drawPath(curve(fold), stroke(shade, 2.6, depth, 1.8))
        glow = [(side * 24, -22), (side * 31.5, -13), (side * 37, -3)]
        canvas.drawPath(curve(glow), stroke(light(look.skin, 0.7), 5, depth * 0.9, 3))
