"""Eyes, lids, brows and glasses on the canvas."""

from __future__ import annotations

import random

import numpy as np
import skia

from appliance.face.training.colour import dark, light, mix
from appliance.face.training.look import Look, Pose
from appliance.face.training.paint import curve, fill, linear, radial, spot, stroke

EYE_X, EYE_Y = 33.0, -20.0


def draw_eyes(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
    """Draw both eyes and brows about the face's middle."""
    for side in (-1, 1):
        canvas.save()
        canvas.translate(side * EYE_X * (0.4 + 0.6 * look.width), EYE_Y)
        canvas.scale(look.eyes, look.eyes)
        _draw_eye(canvas, look, pose, side)
        canvas.restore()
        canvas.save()
        canvas.translate(side * EYE_X * (0.4 + 0.6 * look.width), EYE_Y - 21 - 3 * pose.brow)
        _draw_brow(canvas, look, pose, side)
        canvas.restore()
    if look.glasses:
        _draw_glasses(canvas, look)


def _draw_eye(canvas: skia.Canvas, look: Look, pose: Pose, side: int) -> None:
    """One eye about its middle; side is 1 on the picture's right."""
    open_share = 1 - pose.blink
    # The upper lid goes with the iris; a smile pushes the lower one up.
    top = (
        -7.6 * open_share
        + 3.4 * pose.blink
        + 1.2 * pose.pitch
        - 0.6 * pose.brow
        + 1.5 * pose.gaze[1]
        + 0.7 * pose.squint
    )
    low = 5.4 - 0.9 * pose.smile - 0.8 * pose.blink - 2.1 * pose.squint
    inner, outer = (-side * 15.2, 2.4), (side * 16.4, -1.0)
    lid_top = [inner, (-side * 9, top * 0.72 + 0.2), (-side * 1, top), (side * 8.5, top * 0.84), outer]
    lid_low = [outer, (side * 9, low * 0.86), (0, low), (-side * 9, low * 0.82), inner]
    almond = curve([*lid_top, *lid_low[1:-1]], closed=True)
    if open_share > 0.12:
        canvas.save()
        canvas.clipPath(almond, doAntiAlias=True)
        _draw_ball(canvas, look, pose, top)
        canvas.restore()
    _draw_lids(canvas, look, lid_top, lid_low, pose)
    _draw_lashes(canvas, look, lid_top, side)


def _draw_ball(canvas: skia.Canvas, look: Look, pose: Pose, top: float) -> None:
    white = (248, 245, 242)
    canvas.drawPaint(linear((0, -8), (0, 6), [(0, dark(white, 0.30), 1), (0.45, white, 1), (1, dark(white, 0.07), 1)]))
    for side in (-1, 1):
        spot(canvas, (side * 17, 1), (5, 7), ((196, 150, 140), 0.42), 3)
    x, y, radius = 4.6 * pose.gaze[0] + 1.4 * pose.yaw, -0.6 + 2.4 * pose.gaze[1] + 1.0 * pose.pitch, 7.9
    tone = look.iris
    spot(canvas, (x, y), (radius + 0.5, radius + 0.5), (dark(tone, 0.72), 0.85), 0.7)
    canvas.drawCircle(
        x,
        y,
        radius,
        radial(
            (x, y + 1.5),
            radius + 0.6,
            [
                (0, light(tone, 0.34), 1),
                (0.5, light(tone, 0.10), 1),
                (0.82, dark(tone, 0.34), 1),
                (1, dark(tone, 0.8), 1),
            ],
        ),
    )
    pick = random.Random(look.seed)
    for angle in np.linspace(0, 2 * np.pi, 26, endpoint=False):
        turn = angle + pick.uniform(-0.1, 0.1)
        far = radius * pick.uniform(0.74, 0.94)
        line = stroke(light(tone, 0.5) if pick.random() < 0.6 else dark(tone, 0.5), 0.55, 0.30)
        cos, sin = float(np.cos(turn)), float(np.sin(turn))
        canvas.drawLine(x + 3.4 * cos, y + 3.4 * sin, x + far * cos, y + far * sin, line)
    spot(canvas, (x + 0.3, y + 4.2), (4.4, 2.4), (light(tone, 0.75), 0.38), 1.4)
    canvas.drawCircle(x, y, 3.35, fill((14, 10, 10), 1, 0.4))
    # The lid's shadow, then the light of the window on top of everything.
    canvas.drawRect(skia.Rect.MakeLTRB(-20, -12, 20, top + 3.6), fill((46, 26, 22), 0.42, 1.6))
    spot(canvas, (x - 2.6, y - 2.9), (1.9, 2.1), ((255, 255, 255), 0.96), 0.35)
    spot(canvas, (x + 2.7, y + 2.6), (0.95, 0.95), ((255, 255, 255), 0.55), 0.4)


def _draw_lids(
    canvas: skia.Canvas,
    look: Look,
    lid_top: list[tuple[float, float]],
    lid_low: list[tuple[float, float]],
    pose: Pose,
) -> None:
    shade, blink = dark(look.skin, 0.62), pose.blink
    if blink > 0.1:
        # A closing lid is skin that comes down over the eye.
        crease = [(x * 0.98, min(y, -6.4) - 2.2) for x, y in lid_top[1:-1]]
        lid = curve([lid_top[0], *crease, lid_top[-1], *reversed(lid_top[1:-1])], closed=True)
        tone = dark(look.skin, 0.10)
        canvas.drawPath(
            lid, linear((0, -9), (0, 4), [(0, dark(tone, 0.14), 1), (0.6, light(tone, 0.12), 1), (1, tone, 1)])
        )
    crease = [(x * 1.02, y - 4.0 + 2.2 * blink) for x, y in lid_top]
    crease[0], crease[-1] = (lid_top[0][0] * 0.94, lid_top[0][1] - 3.6), (lid_top[-1][0] * 1.04, lid_top[-1][1] - 2.6)
    canvas.drawPath(curve(crease), stroke(shade, 1.5, 0.44 * (1 - 0.6 * blink), 0.8))
    canvas.drawPath(curve(lid_low), stroke(shade, 1.1, 0.34, 0.6))
    under = [(x * 0.92, y + 4.4) for x, y in lid_low[1:-1]]
    canvas.drawPath(curve(under), stroke(shade, 2.2, 0.16 + 0.20 * pose.squint, 1.4))
    if pose.squint > 0:  # the cheek comes up
        raised = [(x * 0.9, y + 7.5) for x, y in lid_low[1:-1]]
        canvas.drawPath(curve(raised), stroke(light(look.skin, 0.6), 5, 0.26 * pose.squint, 2.6))
    canvas.drawPath(curve([(x, y + 1.5) for x, y in lid_low[1:-1]]), stroke(light(look.skin, 0.8), 1.2, 0.38, 0.8))
    canvas.drawPath(curve(lid_top), stroke((34, 22, 20), 1.5 + 0.5 * look.lashes, 0.86, 0.4))
    canvas.drawPath(curve(lid_top[2:]), stroke((34, 22, 20), 1.6, 0.30 + 0.4 * look.lashes, 0.5))


def _draw_lashes(canvas: skia.Canvas, look: Look, lid_top: list[tuple[float, float]], side: int) -> None:
    if not look.lashes:
        return
    at = np.asarray(lid_top)
    for share in np.linspace(0.35, 1, 9):
        place = share * (len(at) - 1)
        low = min(int(place), len(at) - 2)
        x, y = at[low] + (at[low + 1] - at[low]) * (place - low)
        length = 4.2 * look.lashes * (0.4 + 0.6 * share)
        tip = (float(x) + side * length * 0.7 * share, float(y) - length * 0.8)
        canvas.drawPath(curve([(float(x), float(y)), tip]), stroke((30, 20, 18), 0.9, 0.75, 0.2))


def _draw_brow(canvas: skia.Canvas, look: Look, pose: Pose, side: int) -> None:
    tone = mix(dark(look.hair, 0.15), look.skin, 0.10)
    thick = 5.2 * look.brows
    spine = np.array([[-17, 3.4], [-8, -0.8], [2, -2.8], [11, -1.6], [19, 4.0]], np.float64)
    spine[:, 1] -= pose.concern * np.array([3.0, 1.6, 0.2, -0.5, -0.9])
    spine[:, 0] *= side
    body = [(float(x), float(y) - thick * w) for (x, y), w in zip(spine, (0.5, 0.62, 0.55, 0.36, 0.05), strict=True)]
    under = [(float(x), float(y) + thick * w) for (x, y), w in zip(spine, (0.42, 0.40, 0.28, 0.18, 0.05), strict=True)]
    canvas.drawPath(curve([*body, *reversed(under)], closed=True), fill(tone, 0.72, 1.3))
    pick = random.Random(look.seed * 2 + side)
    for _ in range(46):
        share = pick.random()
        place = share * 3.999
        low = int(place)
        x, y = spine[low] + (spine[low + 1] - spine[low]) * (place - low)
        y += thick * pick.uniform(-0.36, 0.40) * (1 - 0.6 * share)
        lean = 0.35 + 1.2 * share
        length = pick.uniform(4.0, 6.6) * (1 - 0.3 * share - 0.35 * share**4)
        tip = (
            float(x) + side * length * lean / (1 + lean),
            float(y) - length * (0.85 - 0.9 * share) / (1 + lean) * 1.2,
        )
        line = stroke(dark(tone, pick.uniform(0, 0.5)), 0.9, 0.62 * (1 - 0.3 * share), 0.25)
        canvas.drawPath(curve([(float(x), float(y)), tip]), line)


def _draw_glasses(canvas: skia.Canvas, look: Look) -> None:
    frame = (42, 36, 36) if look.seed % 2 else (110, 74, 48)
    round_px = 20.0 if look.glasses == 1 else 7.0
    for side in (-1, 1):
        x = side * 35 * (0.4 + 0.6 * look.width)
        box = skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(x - 23, EYE_Y - 16, x + 23, EYE_Y + 18), round_px, round_px)
        canvas.drawRRect(box, fill((255, 255, 255), 0.05))
        shadow = stroke(dark(look.skin, 0.6), 3, 0.3, 2)
        canvas.drawRRect(box.makeOffset(1, 3), shadow)
        canvas.drawRRect(box, stroke(frame, 3))
        canvas.drawLine(x + side * 23, EYE_Y - 6, side * 76 * look.width, EYE_Y - 8, stroke(frame, 2.6))
    canvas.drawPath(curve([(-12, EYE_Y - 4), (0, EYE_Y - 8), (12, EYE_Y - 4)]), stroke(frame, 2.6))
