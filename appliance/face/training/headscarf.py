"""A headscarf on the canvas: what hangs behind, what lies under the chin, what frames the face."""

from __future__ import annotations

import math

import skia

from appliance.face.training.colour import Colour, dark, light
from appliance.face.training.look import Look, Pose
from appliance.face.training.paint import Point, curve, fill, linear, mirrored, soft, stroke

_OUTER: tuple[Point, ...] = (
    (0, -142),
    (42, -137),
    (76, -112),
    (94, -66),
    (98, -16),
    (94, 34),
    (88, 76),
    (76, 112),
)
_OPENING: tuple[Point, ...] = ((0, -96), (34, -91), (58, -70), (69, -34), (71.5, 4), (69, 34), (65, 58), (66, 92))


def draw_scarf_behind(canvas: skia.Canvas, look: Look) -> None:
    """Draw what falls over the shoulders behind the neck."""
    half = [(0, -130), (70, -108), (98, -30), (96, 60), (112, 118), (146, 156), (120, 200), (0, 214)]
    shape = curve([(x * look.width, y) for x, y in mirrored(half)], closed=True)
    canvas.drawPath(
        shape, linear((-90, -80), (110, 180), [(0, dark(look.scarf, 0.12), 1), (1, dark(look.scarf, 0.5), 1)])
    )


def draw_scarf_under(canvas: skia.Canvas, look: Look) -> None:
    """Draw what is wrapped around the neck, over neck and clothes and behind the chin."""
    tone = look.scarf
    half = [(0, 78), (56, 62), (80, 84), (92, 118), (110, 146), (92, 172), (48, 196), (0, 206)]
    shape = curve([(x * look.width, y) for x, y in mirrored(half)], closed=True)
    canvas.drawPath(shape, fill((20, 14, 16), 0.32, 9))
    canvas.drawPath(
        shape, linear((-80, 80), (90, 200), [(0, light(tone, 0.16), 1), (0.45, tone, 1), (1, dark(tone, 0.36), 1)])
    )
    canvas.save()
    canvas.clipPath(shape, doAntiAlias=True)
    for number in range(7):
        share = number / 6
        fold = [
            (-96 + 8 * share, 84 + 74 * share),
            (-30, 118 + 66 * share),
            (34, 112 + 70 * share),
            (98 - 10 * share, 72 + 62 * share),
        ]
        _fold(canvas, tone, fold, 5 - 2 * share)
    # One end is thrown over the shoulder.
    end = [(78, 66), (58, 104), (6, 150), (-52, 186), (-84, 214), (-34, 220), (36, 190), (92, 132)]
    path = curve(end, closed=True)
    canvas.drawPath(path, fill((16, 10, 12), 0.30, 6))
    canvas.drawPath(
        path, linear((-50, 120), (70, 200), [(0, light(tone, 0.24), 1), (0.5, tone, 1), (1, dark(tone, 0.26), 1)])
    )
    for share in (0.25, 0.5, 0.75):
        _fold(canvas, tone, [(84 - 16 * share, 78 + 40 * share), (10, 168 + 16 * share), (-60, 204 + 12 * share)], 3)
    # The chin's shadow.
    canvas.drawPath(curve([(-56, 78), (0, 106), (56, 78)]), stroke(dark(tone, 0.75), 20, 0.5, 9))
    canvas.restore()


def draw_scarf(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
    """Draw what frames the face, from the forehead to the jaw."""
    tone, wide = look.scarf, look.width
    canvas.save()
    canvas.translate(-1.0 * pose.yaw, 0.6 * pose.pitch)
    canvas.saveLayer()
    outer = [(x * wide, y) for x, y in _OUTER]
    inner = [(x * wide, y) for x, y in _OPENING]
    right = [*outer, *reversed(inner)]
    ring = curve([*right[:-1], inner[0], *[(-x, y) for x, y in inner[1:]], *[(-x, y) for x, y in reversed(outer[1:])]],
                 closed=True)  # fmt: skip
    canvas.drawPath(curve([(-x, y) for x, y in reversed(inner[1:])] + inner), stroke(dark(look.skin, 0.72), 9, 0.42, 4))
    canvas.drawPath(
        ring,
        soft(
            linear((-80, -130), (96, 60), [(0, light(tone, 0.26), 1), (0.42, tone, 1), (1, dark(tone, 0.40), 1)]), 0.5
        ),
    )
    canvas.save()
    canvas.clipPath(ring, doAntiAlias=True)
    for side in (-1, 1):
        for number in range(6):
            share = (number + 0.5) / 6
            line = [_between(inner, outer, at, share, side) for at in (0.02, 0.25, 0.5, 0.75, 0.98)]
            _fold(canvas, tone, line, 4.5 - 1.5 * share)
    canvas.restore()
    # An under-scarf shows as a narrow band at the edge.
    edge = [*[(-x, y) for x, y in reversed(inner[1:])], *inner]
    canvas.drawPath(curve(edge), stroke(dark(tone, 0.45), 4.2, 0.9, 0.4))
    canvas.drawPath(curve(edge), stroke(light(tone, 0.35), 1.1, 0.45, 0.5))
    # Beside the jaw it goes over into what is wrapped below.
    fade = linear((0, 52), (0, 86), [(0, (0, 0, 0), 0), (1, (0, 0, 0), 1)])
    fade.setBlendMode(skia.BlendMode.kDstOut)
    canvas.drawPaint(fade)
    canvas.restore()
    canvas.restore()


def _between(inner: list[Point], outer: list[Point], at: float, share: float, side: int) -> Point:
    """A point of a fold: at is along the edges, share from the inner to the outer one; folds waver a little."""
    (ax, ay), (bx, by) = _along(inner, at), _along(outer, at)
    waver = share + 0.05 * math.sin(7 * at + 11 * share + side)
    return side * (ax + (bx - ax) * waver), ay + (by - ay) * waver


def _along(line: list[Point], at: float) -> Point:
    place = at * (len(line) - 1)
    low = min(int(place), len(line) - 2)
    (ax, ay), (bx, by) = line[low], line[low + 1]
    return ax + (bx - ax) * (place - low), ay + (by - ay) * (place - low)


def _fold(canvas: skia.Canvas, tone: Colour, line: list[Point], width: float) -> None:
    canvas.drawPath(curve(line), stroke(dark(tone, 0.62), width, 0.30, width * 0.6))
    canvas.drawPath(
        curve([(x - 2.5, y - 2.5) for x, y in line]), stroke(light(tone, 0.5), width * 0.7, 0.22, width * 0.5)
    )
