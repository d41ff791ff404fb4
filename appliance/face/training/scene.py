"""What is behind and below the head: a lobby out of focus, a jacket and a shirt."""

from __future__ import annotations

import random

import skia

from appliance.face.training.colour import Colour, dark, light, mix
from appliance.face.training.look import Look
from appliance.face.training.paint import curve, fill, linear, mirrored, polygon, radial, rounded, soft, spot, stroke

SIZE = 512


def draw_scene(canvas: skia.Canvas, look: Look) -> None:
    """Fill the picture behind the presenter."""
    if look.lobby:
        _draw_lobby(canvas, look)
    else:
        stops = [(0, light(look.wall, 0.35), 1), (0.6, look.wall, 1), (1, dark(look.wall, 0.25), 1)]
        canvas.drawPaint(radial((200, 170), 430, stops))


def _draw_lobby(canvas: skia.Canvas, look: Look) -> None:
    """A reception hall: daylight from a tall window, warm lamps, wood and plants, all out of focus."""
    wall = (233, 222, 206)
    canvas.drawPaint(linear((0, 0), (512, 200), [(0, light(wall, 0.5), 1), (0.5, wall, 1), (1, dark(wall, 0.20), 1)]))
    box = skia.Rect.MakeLTRB
    day = linear((0, 0), (0, 420), [(0, (246, 250, 252), 1), (0.6, (222, 234, 238), 1), (1, (196, 214, 208), 1)])
    day.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 7))
    canvas.drawRect(box(-30, -20, 118, 380), day)
    for x in (44, 122):
        canvas.drawRect(box(x - 5, -20, x + 5, 384), fill((178, 160, 140), 0.75, 6))
    canvas.drawRect(box(-20, 176, 120, 186), fill((188, 172, 152), 0.6, 6))
    spot(canvas, (30, 330), (58, 60), ((140, 172, 138), 0.45), 24)
    # Slatted oak on the right, a niche with light from above.
    for number in range(9):
        x = 372 + number * 19
        tone = mix((186, 142, 100), (146, 104, 72), number / 9)
        canvas.drawRect(box(x, -20, x + 13, 372), fill(tone, 0.85, 3.6))
    canvas.drawRect(
        box(366, -20, 540, 372),
        linear((0, -20), (0, 372), [(0, (255, 232, 190), 0.42), (0.5, (255, 220, 170), 0.06), (1, (70, 40, 20), 0.28)]),
    )
    canvas.drawRect(
        box(-20, 366, 540, 540), soft(linear((0, 366), (0, 512), [(0, (172, 132, 96), 1), (1, (120, 86, 60), 1)]), 8)
    )
    canvas.drawRect(box(-20, 362, 540, 371), fill((226, 192, 152), 0.7, 5))
    _draw_lamps(canvas)
    _draw_plant(canvas)
    spot(canvas, (150, 120), (210, 180), ((255, 248, 232), 0.24), 60)
    canvas.drawPaint(
        radial((256, 220), 400, [(0, (40, 26, 18), 0), (0.62, (40, 26, 18), 0.02), (1, (40, 26, 18), 0.34)])
    )


def _draw_lamps(canvas: skia.Canvas) -> None:
    for x, y, size in ((190, 44, 15), (322, 30, 18), (256, 62, 9)):
        canvas.drawLine(x, -10, x, y - size, stroke((120, 104, 92), 1.6, 0.5, 1.2))
        spot(canvas, (x, y), (size * 2.2, size * 2.0), ((255, 224, 160), 0.40), size * 0.9)
        spot(canvas, (x, y), (size, size * 0.92), ((255, 243, 214), 0.92), 3)


def _draw_plant(canvas: skia.Canvas) -> None:
    pick = random.Random(5)
    pot = linear((418, 0), (484, 0), [(0, (236, 230, 222), 1), (0.4, (228, 220, 210), 1), (1, (176, 164, 152), 1)])
    canvas.drawPath(polygon([(424, 334), (478, 334), (470, 388), (432, 388)]), soft(rounded(pot, 8), 3.2))
    leaves = sorted((pick.uniform(-1.3, 1.3), pick.uniform(52, 128)) for _ in range(26))
    pick.shuffle(leaves)
    for number, (angle, reach) in enumerate(leaves):
        tip = (451 + reach * angle * 0.72, 330 - reach * (1.12 - 0.40 * abs(angle)) + 16 * angle**2)
        bend = (451 + (tip[0] - 451) * 0.42, 330 + (tip[1] - 330) * 0.66)
        side = 7 + reach * 0.06
        leaf = [(451, 332), (bend[0] - side, bend[1]), tip, (bend[0] + side, bend[1] + 5)]
        deep = number / len(leaves)
        tone = mix(mix((44, 84, 62), (128, 166, 104), deep), (176, 196, 132), 0.35 * pick.random())
        paint = linear((451, 332), tip, [(0, dark(tone, 0.35), 0.95), (1, light(tone, 0.10), 0.95)])
        canvas.drawPath(curve(leaf, closed=True), soft(paint, 3.6 - 1.2 * deep))


def draw_body(canvas: skia.Canvas, look: Look, breath: float) -> None:
    """Draw shoulders, jacket and open shirt about the face's middle; breath lifts them."""
    canvas.save()
    canvas.translate(0, 2.0 - 2.4 * breath)
    canvas.scale(1 + 0.006 * breath, 1)
    half = [
        (0, 186),
        (20, 158),
        (44, 128),
        (62, 136),
        (108, 147),
        (156, 163),
        (188, 192),
        (204, 244),
        (212, 330),
        (0, 330),
    ]
    coat = curve(mirrored(half), closed=True)
    tone = look.cloth
    canvas.drawPath(coat, fill((30, 20, 16), 0.35, 10))
    canvas.drawPath(
        coat, linear((-150, 140), (170, 320), [(0, light(tone, 0.20), 1), (0.4, tone, 1), (1, dark(tone, 0.42), 1)])
    )
    canvas.save()
    canvas.clipPath(coat, doAntiAlias=True)
    for side in (-1, 1):
        fold = [(side * 112, 172), (side * 126, 230), (side * 120, 320)]
        canvas.drawPath(curve(fold), stroke(dark(tone, 0.7), 7, 0.40, 5))
        canvas.drawPath(curve([(x - side * 9, y) for x, y in fold]), stroke(light(tone, 0.4), 5, 0.20, 5))
        shoulder = [(side * 60, 140), (side * 110, 156), (side * 156, 182)]
        canvas.drawPath(curve(shoulder), stroke(light(tone, 0.5), 6, 0.24 if side < 0 else 0.10, 5))
    canvas.restore()
    _draw_opening(canvas, look)
    _draw_shirt(canvas)
    for side in (-1, 1):
        _draw_lapel(canvas, tone, side)
    _draw_badge(canvas)
    canvas.restore()


def _draw_opening(canvas: skia.Canvas, look: Look) -> None:
    """The skin at the open collar, which moves with the breath."""
    skin = dark(look.skin, 0.13)
    shape = curve(
        [(-40, 126), (-30, 122), (0, 121), (30, 122), (40, 126), (26, 160), (0, 198), (-26, 160)], closed=True
    )
    tones = [(0, dark(skin, 0.2), 0), (0.45, dark(skin, 0.12), 1), (0.7, dark(skin, 0.05), 1), (1, dark(skin, 0.2), 1)]
    canvas.drawPath(shape, soft(linear((0, 120), (0, 196), tones), 1.2))
    for side in (-1, 1):
        canvas.drawPath(
            curve([(side * 26, 118), (side * 14, 140), (side * 5, 152)]), stroke(light(look.skin, 0.3), 4, 0.30, 3)
        )
        canvas.drawPath(curve([(side * 30, 154), (side * 10, 158)]), stroke(dark(look.skin, 0.5), 3, 0.22, 2))


def _draw_shirt(canvas: skia.Canvas) -> None:
    white: Colour = (250, 249, 247)
    for side in (-1, 1):
        front = [(44, 126), (58, 150), (62, 200), (42, 260), (14, 330), (0, 330), (0, 190), (14, 170)]
        shape = polygon([(side * x, y) for x, y in front])
        canvas.drawPath(shape, linear((0, 130), (0, 320), [(0, dark(white, 0.05), 1), (1, dark(white, 0.20), 1)]))
    for side in (-1, 1):
        leaf = [(46, 109), (53, 122), (51, 150), (41, 187), (3, 180), (15, 160), (34, 134)]
        shape = polygon([(side * x, y) for x, y in leaf])
        canvas.drawPath(shape, rounded(fill((40, 40, 56), 0.40, 4), 6))
        stops = [(0, dark(white, 0.20), 1), (0.45, white, 1), (1, dark(white, 0.05), 1)]
        canvas.drawPath(shape, rounded(linear((side * 50, 112), (side * 24, 186), stops), 5))
        edge = polygon([(side * x, y) for x, y in ((47, 150), (38.5, 182), (9, 177), (38.5, 182))])
        canvas.drawPath(edge, rounded(stroke((178, 178, 188), 0.8, 0.6, 0.4), 3))
    canvas.drawLine(0, 194, 0, 330, stroke((190, 188, 192), 1.4, 0.7, 0.7))
    for y in (212, 246):
        canvas.drawCircle(3.5, y, 2.3, fill((226, 224, 224)))
        canvas.drawCircle(3.5, y, 2.3, stroke((160, 158, 162), 0.7, 0.8))


def _draw_lapel(canvas: skia.Canvas, tone: Colour, side: int) -> None:
    outline = [
        (50, 126),
        (64, 134),
        (86, 172),
        (93, 196),
        (72, 203),
        (80, 218),
        (46, 284),
        (18, 330),
        (4, 330),
        (24, 252),
        (42, 186),
    ]
    shape = polygon([(side * x, y) for x, y in outline])
    canvas.drawPath(shape, rounded(fill((8, 8, 14), 0.45, 5), 5))
    stops = [(0, light(tone, 0.24), 1), (0.5, light(tone, 0.07), 1), (1, dark(tone, 0.3), 1)]
    canvas.drawPath(shape, rounded(linear((side * 30, 130), (side * 84, 300), stops), 4))
    edge = [(side * 43, 186), (side * 25, 252), (side * 6, 326)]
    canvas.drawPath(curve(edge), stroke(light(tone, 0.45), 1.1, 0.5, 0.5))
    notch = polygon([(side * x, y) for x, y in ((93, 196), (72, 203), (80, 218), (72, 203))])
    canvas.drawPath(notch, stroke(dark(tone, 0.7), 1.2, 0.6, 0.5))


def _draw_badge(canvas: skia.Canvas) -> None:
    """A small name plate."""
    plate = skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(86, 236, 124, 250), 3, 3)
    canvas.drawRRect(plate, fill((10, 10, 14), 0.4, 2.5))
    canvas.drawRRect(
        plate,
        linear((86, 236), (124, 250), [(0, (246, 240, 226), 1), (0.5, (222, 210, 186), 1), (1, (240, 232, 214), 1)]),
    )
    for y, end in ((241, 117), (245.4, 109)):
        canvas.drawLine(92, y, end, y, stroke((92, 82, 72), 1.3, 0.75))
