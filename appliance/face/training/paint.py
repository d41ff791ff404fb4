"""The few strokes everything is drawn with: smooth outlines, soft shapes, gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face.training.colour import Colour

Point = tuple[float, float]
Points = Sequence[Point] | NDArray[np.float64]


def argb(colour: Colour, alpha: float = 1.0) -> int:
    """Pack a colour for skia."""
    red, green, blue = (max(0, min(255, round(value))) for value in colour)
    return skia.Color(red, green, blue, max(0, min(255, round(255 * alpha))))


def fill(colour: Colour, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    """A filling of one colour, with soft edges where blur (sigma in pixels) is given."""
    paint = skia.Paint(AntiAlias=True, Color=argb(colour, alpha))
    if blur:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    return paint


def stroke(colour: Colour, width: float, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    """A round-ended line."""
    paint = fill(colour, alpha, blur)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


def linear(start: Point, end: Point, stops: Sequence[tuple[float, Colour, float]]) -> skia.Paint:
    """A filling that runs from start to end through (position, colour, alpha) stops."""
    return skia.Paint(
        AntiAlias=True,
        Dither=True,
        Shader=skia.GradientShader.MakeLinear(
            [skia.Point(*start), skia.Point(*end)], [argb(c, a) for _, c, a in stops], [p for p, _, _ in stops]
        ),
    )


def radial(centre: Point, radius: float, stops: Sequence[tuple[float, Colour, float]]) -> skia.Paint:
    """A filling that runs outwards from a centre through (position, colour, alpha) stops."""
    return skia.Paint(
        AntiAlias=True,
        Dither=True,
        Shader=skia.GradientShader.MakeRadial(
            skia.Point(*centre), radius, [argb(c, a) for _, c, a in stops], [p for p, _, _ in stops]
        ),
    )


def curve(points: Points, *, closed: bool = False) -> skia.Path:
    """A smooth line through all points (Catmull-Rom)."""
    at = np.asarray(points, np.float64)
    if closed:
        at = np.concatenate([at[-1:], at, at[:2]])
    else:
        at = np.concatenate([2 * at[:1] - at[1:2], at, 2 * at[-1:] - at[-2:-1]])
    first, second = at[1:-2] + (at[2:-1] - at[:-3]) / 6, at[2:-1] - (at[3:] - at[1:-2]) / 6
    path = skia.PathBuilder() if hasattr(skia, "PathBuilder") else skia.Path()
    path.moveTo(float(at[1, 0]), float(at[1, 1]))
    for a, b, end in zip(first.tolist(), second.tolist(), at[2:-1].tolist(), strict=True):
        path.cubicTo(a[0], a[1], b[0], b[1], end[0], end[1])
    if closed:
        path.close()
    return path.detach() if hasattr(path, "detach") else path


def polygon(points: Points) -> skia.Path:
    """A closed outline of straight lines."""
    at = np.asarray(points, np.float64).tolist()
    path = skia.PathBuilder() if hasattr(skia, "PathBuilder") else skia.Path()
    path.moveTo(*at[0])
    for point in at[1:]:
        path.lineTo(*point)
    path.close()
    return path.detach() if hasattr(path, "detach") else path


def rounded(paint: skia.Paint, radius: float) -> skia.Paint:
    """Round the corners of what this paint draws."""
    paint.setPathEffect(skia.CornerPathEffect.Make(radius))
    return paint


def soft(paint: skia.Paint, sigma: float) -> skia.Paint:
    """Blur the edges of what this paint draws."""
    paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, sigma))
    return paint


def mirrored(half: Points) -> list[Point]:
    """Close a half outline, given on the right from top to bottom, with its mirror image on the left."""
    right = [(float(x), float(y)) for x, y in half]
    return right + [(-x, y) for x, y in reversed(right) if abs(x) > 1e-6]


def oval(canvas: skia.Canvas, centre: Point, radii: Point, paint: skia.Paint) -> None:
    """Draw an ellipse."""
    canvas.drawOval(
        skia.Rect.MakeLTRB(centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1]),
        paint,
    )


_FALL = ((0.0, 1.0), (0.2, 0.92), (0.4, 0.69), (0.6, 0.38), (0.8, 0.12), (1.0, 0.0))


def spot(canvas: skia.Canvas, centre: Point, radii: Point, tint: tuple[Colour, float], blur: float) -> None:
    """Draw a soft ellipse of (colour, alpha): a gradient takes a tenth of a blurred oval's time and looks the same."""
    colour, alpha = tint
    reach = (radii[0] + 1.5 * blur, radii[1] + 1.5 * blur)
    flat = max(0.0, 1 - 3 * blur / (radii[0] + radii[1] + 3 * blur) * 2)
    stops = [(flat + (1 - flat) * at, colour, alpha * share) for at, share in _FALL]
    canvas.save()
    canvas.translate(*centre)
    canvas.scale(*reach)
    canvas.drawCircle(0, 0, 1, radial((0, 0), 1, [(0, colour, alpha), *stops] if flat else stops))
    canvas.restore()
