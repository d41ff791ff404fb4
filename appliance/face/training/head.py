"""A head without eyes, mouth and hair on the canvas: neck, ears, skin and its light, nose."""

from __future__ import annotations

import random

import numpy as np
import skia

from appliance.face.training.colour import dark, light, mix
from appliance.face.training.lips import JAW_PX
from appliance.face.training.look import Look, Pose
from appliance.face.training.paint import Point, curve, fill, linear, mirrored, radial, spot, stroke

CHIN_Y = 94.5
_HALF: tuple[Point, ...] = (
    (0, -116),
    (32, -110),
    (58, -90),
    (72, -58),
    (76, -24),
    (74.5, 4),
    (70.5, 28),
    (63.5, 50),
    (52, 68),
    (36, 83),
    (17, 92),
    (0, CHIN_Y),
)


def outline(look: Look, jaw: float, pose: Pose) -> skia.Path:
    """The edge of the face; the lower part goes down with the jaw."""
    half: list[Point] = []
    for x, y in _HALF:
        low = max(0.0, min(1.0, (y - 18) / 66))
        low = low * low * (3 - 2 * low)
        breadth = look.width * (1 + (look.jaw - 1) * low) * (1 - 0.035 * jaw * low) + 0.010 * pose.smile * low
        half.append((x * breadth, y + JAW_PX * 0.92 * jaw * low + 1.5 * pose.pitch * low))
    points = [(x + 3.2 * pose.yaw * max(0.0, min(1.0, (y + 40) / 120)), y) for x, y in mirrored(half)]
    return curve(points, closed=True)


def draw_neck(canvas: skia.Canvas, look: Look, jaw: float) -> None:
    """Draw the neck and the chin's shadow on it."""
    width = 45 * (0.5 + 0.5 * look.width)
    half = [(width, 50), (width, 92), (width + 2, 112), (width + 5, 128), (width + 8, 140), (0, 160)]
    points = [*half, *[(-x, y) for x, y in reversed(half[:-1])]]
    neck = curve(points, closed=True)
    base = dark(look.skin, 0.13)
    stops = [(0, dark(base, 0.30), 1), (0.34, base, 1), (0.62, base, 1), (1, dark(base, 0.34), 1)]
    canvas.drawPath(neck, linear((-width - 8, 0), (width + 8, 0), stops))
    canvas.save()
    canvas.clipPath(neck, doAntiAlias=True)
    fall = 10 + JAW_PX * 0.8 * jaw
    spot(canvas, (2, 80 + fall), (62, 36), (dark(look.skin, 0.58), 0.66), 9)
    # Below the jaw's shadow there is light again, from the left, and warm where skin lights skin.
    glow = light(mix(look.skin, (226, 130, 100), 0.10), 0.10)
    canvas.drawRect(
        skia.Rect.MakeLTRB(-80, 108, 80, 170),
        linear((0, 110), (0, 148), [(0, glow, 0), (0.6, glow, 0.36), (1, glow, 0.46)]),
    )
    spot(canvas, (-28, 134), (15, 18), (light(look.skin, 0.35), 0.30), 8)
    for side in (-1, 1):
        sinew = [(side * 33, 106), (side * 20, 134), (side * 7, 154)]
        canvas.drawPath(curve(sinew), stroke(light(look.skin, 0.3), 5, 0.34 if side < 0 else 0.22, 3.2))
        canvas.drawPath(curve([(x + side * 6, y) for x, y in sinew]), stroke(dark(look.skin, 0.55), 4, 0.16, 3))
    spot(canvas, (0, 146), (7, 5), (dark(look.skin, 0.5), 0.26), 4)
    canvas.restore()


def draw_ears(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
    """Draw both ears; they move against the turn of the head."""
    for side in (-1, 1):
        canvas.save()
        canvas.translate(side * 75.5 * look.width - 2.5 * pose.yaw, -12)
        ear = [
            (0, -16),
            (side * 7, -20),
            (side * 12.5, -12),
            (side * 11, 2),
            (side * 7.5, 14),
            (side * 2, 19),
            (-side * 3, 14),
        ]
        tone = mix(look.skin, (214, 120, 100), 0.12)
        path = curve(ear, closed=True)
        canvas.drawPath(path, linear((0, 0), (side * 13, 0), [(0, dark(tone, 0.22), 1), (1, dark(tone, 0.05), 1)]))
        inner = [(side * 2, -11), (side * 7.5, -13), (side * 8.5, -4), (side * 4.5, 4), (side * 3.5, 11)]
        canvas.drawPath(curve(inner), stroke(dark(look.skin, 0.55), 2, 0.42, 1))
        canvas.drawPath(path, stroke(light(look.skin, 0.5), 1, 0.25, 0.7))
        canvas.restore()


def draw_skin(canvas: skia.Canvas, look: Look, jaw: float, pose: Pose) -> None:
    """Draw the face's skin with soft light from the upper left."""
    face = outline(look, jaw, pose)
    canvas.drawPath(face, radial((-18, -34), 150, _skin_stops(look)))
    canvas.save()
    canvas.clipPath(face, doAntiAlias=True)
    skin, shade, glow = look.skin, dark(look.skin, 0.5), light(look.skin, 0.65)
    # The far side falls into shadow; a little light comes back from the wall at its very edge.
    canvas.drawPath(face, stroke(shade, 26, 0.26, 9))
    side = linear((10, 0), (84 * look.width, 10), [(0, shade, 0), (0.55, shade, 0.05), (1, shade, 0.34)])
    canvas.drawRect(skia.Rect.MakeLTRB(0, -120, 100, 130), side)
    spot(canvas, (-14, -72), (40, 20), (glow, 0.30), 12)
    turn = 4 * pose.yaw
    for at in (-1, 1):
        spot(canvas, (at * 33 + turn, -27), (21, 12), (dark(skin, 0.42), 0.24), 7)
        spot(canvas, (at * 42 + turn, 20), (20, 15), ((222, 108, 92), 0.15 + 0.04 * pose.smile), 9)
        spot(canvas, (at * 41 - 4 + turn, 5), (14, 7), (glow, 0.30 if at < 0 else 0.16), 6)
        spot(canvas, (at * 58, 50), (12, 26), (shade, 0.16), 9)
    chin = CHIN_Y - 17 + JAW_PX * 0.9 * jaw
    spot(canvas, (-2 + turn, chin), (14, 8), (glow, 0.30), 6)
    spot(canvas, (0, chin + 19), (40, 5), (shade, 0.22), 6)
    canvas.drawPath(face, stroke(light(skin, 0.45), 2.2, 0.30, 1.2))
    if look.age:
        _draw_age(canvas, look, turn)
    if look.beard:
        _draw_beard(canvas, look, jaw)
    canvas.restore()


def _skin_stops(look: Look) -> list[tuple[float, tuple[float, float, float], float]]:
    skin = look.skin
    return [(0, light(skin, 0.22), 1), (0.45, skin, 1), (0.8, dark(skin, 0.10), 1), (1, dark(skin, 0.24), 1)]


def _draw_age(canvas: skia.Canvas, look: Look, turn: float) -> None:
    """The lines that years leave: across the forehead, beside and under the eyes, from the nose past the mouth."""
    shade, glow = dark(look.skin, 0.5), light(look.skin, 0.6)

    def crease(line: list[Point], width: float, alpha: float) -> None:
        canvas.drawPath(curve(line), stroke(shade, width, alpha * look.age, 0.8))
        canvas.drawPath(curve([(x, y + 1.8) for x, y in line]), stroke(glow, width, 0.6 * alpha * look.age, 0.9))

    pick = random.Random(look.seed)
    # Lines of the forehead break off, slant, and are deeper on the side whose brow goes up more often.
    for y, start, end, depth in ((-79, -16, 26, 0.18), (-71, -36, -3, 0.22), (-69, 6, 38, 0.26), (-60, -28, 20, 0.20)):
        at = np.linspace(start, end, 5)
        wave = [(float(x) + turn, y + pick.uniform(-1.3, 1.3) + 0.0022 * float(x) ** 2) for x in at]
        crease(wave, 1.3, depth)
    for side in (-1, 1):
        for rise in (-5, 0, 5):
            far = pick.uniform(0.7, 1.15)
            line = [(53, -20 + 0.5 * rise), (53 + 5 * far, -20 + rise), (53 + 9 * far, -19 + 1.9 * rise)]
            crease([(side * x + turn, y) for x, y in line], 1.0, pick.uniform(0.22, 0.40))
        crease([(side * 20 + turn, -7), (side * 32 + turn, -2.5), (side * 45 + turn, -6)], 1.8, 0.42)
        spot(canvas, (side * 32 + turn, -5), (13, 4), (shade, 0.16 * look.age), 3)
        crease([(side * 19 + turn, 27), (side * 29 + turn, 40), (side * 34 + turn, 54)], 2.0, 0.36)
        crease([(side * 31, 66), (side * 30, 74), (side * 26, 80)], 1.6, 0.26)


def _draw_beard(canvas: skia.Canvas, look: Look, jaw: float) -> None:
    """A beard, or only its shadow: over the jaw and above the lip, thin below the corners of the mouth."""
    tone = mix(dark(look.hair, 0.1), dark(look.skin, 0.4), 0.35 if look.beard > 0.5 else 0.6)
    low = JAW_PX * 0.9 * jaw
    shape = [(84, -6), (74, 22), (60, 40), (44, 46), (30, 36), (15, 33), (0, 35)]
    half = [*shape, *[(-x, y) for x, y in reversed(shape[:-1])]]
    around = [*half, (-92, 60 + low), (-40, 116 + low), (0, 124 + low), (40, 116 + low), (92, 60 + low)]
    canvas.drawPath(curve(around, closed=True), fill(tone, 0.10 + 0.62 * look.beard, 5.0))


def draw_nose(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
    """Draw the nose about its root between the eyes."""
    wide, shade, glow = look.nose, dark(look.skin, 0.52), light(look.skin, 0.75)
    turn = 3 * pose.yaw
    canvas.drawPath(curve([(8, -30), (5.5, -12), (6 + turn, 8), (11 * wide + turn, 22)]), stroke(shade, 5, 0.20, 3))
    canvas.drawPath(curve([(-8.5, -30), (-6, -14), (-6 + turn, 6)]), stroke(shade, 4, 0.12, 2.6))
    canvas.drawPath(curve([(-1.5, -22), (-1.2 + turn * 0.5, 0), (-1 + turn, 15)]), stroke(glow, 5, 0.46, 2.4))
    spot(canvas, (-1 + turn, 19), (5.5, 4.5), (glow, 0.46), 2.2)
    spot(canvas, (turn, 29.5), (14 * wide, 4.4), (shade, 0.36), 2.6)
    for side in (-1, 1):
        wing = [
            (side * 11.2 * wide + turn, 13),
            (side * 15.2 * wide + turn, 19.5),
            (side * 14.2 * wide + turn, 26),
            (side * 10 * wide + turn, 27.5),
        ]
        canvas.drawPath(curve(wing), stroke(shade, 1.9, 0.50, 0.9))
        nostril = [(side * 3.2 + turn, 27.2), (side * 7 * wide + turn, 24.6), (side * 10.4 * wide + turn, 26.6)]
        low = [(side * 7 * wide + turn, 28.2)]
        canvas.drawPath(curve([*nostril, *low], closed=True), fill(dark(look.skin, 0.82), 0.72, 0.7))
    canvas.drawPath(
        curve([(-5 + turn, 28.6), (turn, 30.6), (5 + turn, 28.6)]), stroke(dark(look.skin, 0.7), 1.3, 0.40, 0.8)
    )
