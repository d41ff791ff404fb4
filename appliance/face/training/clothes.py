"""Shoulders and what is worn on them, on the canvas."""

from __future__ import annotations

import skia

from appliance.face.training.colour import Colour, dark, light
from appliance.face.training.look import Look
from appliance.face.training.paint import (
    Point,
    curve,
    fill,
    linear,
    mirrored,
    oval,
    polygon,
    rounded,
    soft,
    spot,
    stroke,
)

_TAILORED: tuple[Point, ...] = (
    (0, 186),
    (20, 158),
    (44, 128),
    (62, 135),
    (108, 145),
    (150, 157),
    (178, 174),
    (196, 212),
    (207, 264),
    (213, 330),
    (0, 330),
)
_SOFT: tuple[Point, ...] = (
    (0, 186),
    (20, 158),
    (44, 128),
    (62, 136),
    (108, 147),
    (154, 163),
    (185, 191),
    (202, 244),
    (210, 330),
    (0, 330),
)


def draw_body(canvas: skia.Canvas, look: Look, breath: float) -> None:
    """Draw shoulders, jacket and open shirt about the face's middle; breath lifts them."""
    canvas.save()
    canvas.translate(0, 2.0 - 2.4 * breath)
    canvas.scale(1 + 0.006 * breath, 1)
    coat = curve(mirrored(_TAILORED if look.clothes in ("suit", "tie") else _SOFT), closed=True)
    tone = look.cloth
    canvas.drawPath(coat, fill((30, 20, 16), 0.35, 10))
    canvas.drawPath(
        coat, linear((-150, 140), (170, 320), [(0, light(tone, 0.20), 1), (0.4, tone, 1), (1, dark(tone, 0.42), 1)])
    )
    canvas.save()
    canvas.clipPath(coat, doAntiAlias=True)
    _draw_folds(canvas, tone, tailored=look.clothes in ("suit", "tie"))
    # The head's shadow on the chest, to the side that the light does not come from.
    spot(canvas, (34, 150), (78, 26), ((16, 10, 16), 0.26), 14)
    canvas.restore()
    _draw_opening(canvas, look)
    {"suit": _suit, "tie": _suit, "scrubs": _scrubs, "cardigan": _cardigan}[look.clothes](canvas, look)
    _draw_badge(canvas)
    canvas.restore()


def _draw_folds(canvas: skia.Canvas, tone: Colour, *, tailored: bool) -> None:
    """Sleeves, and the soft folds that hang from the shoulders and gather where the arms begin."""
    deep, glow = dark(tone, 0.75), light(tone, 0.42)
    for side in (-1, 1):
        lit = 1.0 if side < 0 else 0.45

        def fold(line: list[Point], width: float, alpha: float, side: int = side, lit: float = lit) -> None:
            there = [(side * x, y) for x, y in line]
            canvas.drawPath(curve(there), stroke(deep, width, alpha, width * 0.6))
            canvas.drawPath(
                curve([(x - side * 0.9 * width, y - 1) for x, y in there]),
                stroke(glow, 0.8 * width, 0.55 * alpha * lit, 0.6 * width),
            )

        arm = [(146, 206), (140, 240), (141, 280), (146, 330)]
        fold(arm, 8, 0.46)
        fold([(x - 1, y) for x, y in arm], 2.2, 0.34)
        fold([(144, 226), (158, 240), (178, 246)], 5, 0.22)
        fold([(142, 248), (156, 266), (180, 276)], 6, 0.20)
        fold([(143, 282), (160, 300), (186, 308)], 6, 0.18)
        fold([(138, 214), (118, 236), (106, 272)], 6, 0.20)
        fold([(138, 236), (124, 268), (118, 316)], 5, 0.15)
        if tailored:
            seam = [(150, 160), (155, 176), (152, 196), (147, 212)]
            fold(seam, 1.6, 0.42)
        ridge = [(side * 64, 139), (side * 108, 149), (side * 150, 163), (side * 178, 188)]
        canvas.drawPath(curve(ridge), stroke(light(tone, 0.55), 7, 0.34 * lit, 5))
        rim = [(side * 150, 161), (side * 184, 188), (side * 203, 244), (side * 211, 330)]
        if side < 0:
            canvas.drawPath(curve(rim), stroke(light(tone, 0.6), 5, 0.30, 3.5))
        else:
            canvas.drawPath(curve(rim), stroke(deep, 16, 0.30, 9))


def _suit(canvas: skia.Canvas, look: Look) -> None:
    _draw_shirt(canvas)
    if look.clothes == "tie":
        _draw_tie(canvas, look)
    for side in (-1, 1):
        _draw_lapel(canvas, look.cloth, side)


def _draw_tie(canvas: skia.Canvas, look: Look) -> None:
    tone = look.accent
    collar = polygon([(-44, 118), (0, 186), (44, 118), (52, 150), (20, 196), (-20, 196), (-52, 150)])
    canvas.drawPath(
        collar, rounded(linear((-40, 120), (44, 190), [(0, (244, 243, 242), 1), (1, (222, 220, 224), 1)]), 4)
    )
    knot, blade = [(-13, 168), (13, 168), (9, 190), (-9, 190)], [(-8, 189), (8, 189), (22, 330), (-22, 330)]
    for shape in (blade, knot):
        path = polygon(shape)
        canvas.drawPath(path, rounded(fill((10, 8, 14), 0.35, 4), 3))
        stops = [(0, light(tone, 0.22), 1), (0.45, tone, 1), (1, dark(tone, 0.4), 1)]
        canvas.drawPath(path, rounded(linear((-14, 170), (18, 330), stops), 3))
    canvas.save()
    canvas.clipPath(polygon(blade), doAntiAlias=True)
    for y in range(200, 360, 17):
        canvas.drawLine(-26, y + 14, 26, y - 14, stroke(light(tone, 0.4), 2.2, 0.35, 0.6))
    canvas.restore()


def _scrubs(canvas: skia.Canvas, look: Look) -> None:
    """A clinic's tunic: a neckband that ends in a V, a seam, a pocket with a pen."""
    tone = look.cloth
    for side in (-1, 1):
        band = [(side * x, y) for x, y in ((42, 124), (57, 128), (11, 214), (0, 226), (0, 198))]
        path = polygon(band)
        canvas.drawPath(path, rounded(fill((8, 10, 14), 0.35, 4), 3))
        stops = [(0, light(tone, 0.30), 1), (1, light(tone, 0.06), 1)]
        canvas.drawPath(path, rounded(linear((side * 50, 124), (0, 220), stops), 3))
        canvas.drawPath(
            curve([(side * 57, 128), (side * 34, 172), (side * 9, 216)]), stroke(dark(tone, 0.5), 1, 0.5, 0.5)
        )
        seam = [(side * 108, 150), (side * 116, 200), (side * 112, 260), (side * 116, 330)]
        canvas.drawPath(curve(seam), stroke(dark(tone, 0.5), 1.4, 0.45, 0.6))
    pocket = skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(-112, 262, -54, 330), 4, 4)
    canvas.drawRRect(pocket, linear((-112, 262), (-54, 330), [(0, light(tone, 0.12), 1), (1, dark(tone, 0.10), 1)]))
    canvas.drawRRect(pocket, stroke(dark(tone, 0.5), 1.3, 0.5, 0.4))
    canvas.drawLine(-112, 271, -54, 271, stroke(dark(tone, 0.4), 1, 0.4, 0.4))
    canvas.drawLine(-96, 244, -96, 290, stroke((236, 238, 242), 4, 0.95, 0.4))
    canvas.drawLine(-96, 244, -96, 256, stroke(look.accent, 4, 1, 0.4))


def _cardigan(canvas: skia.Canvas, look: Look) -> None:
    """A round-necked top under an open cardigan."""
    top: Colour = look.accent
    shape = curve(
        [(-52, 126), (-34, 158), (0, 172), (34, 158), (52, 126), (66, 200), (60, 340), (-60, 340), (-66, 200)],
        closed=True,
    )
    canvas.drawPath(
        shape, linear((-50, 130), (60, 330), [(0, light(top, 0.25), 1), (0.5, top, 1), (1, dark(top, 0.25), 1)])
    )
    neck = curve([(-53, 122), (-35, 156), (0, 171), (35, 156), (53, 122)])
    canvas.drawPath(neck, stroke(dark(top, 0.45), 7, 0.35, 3))
    canvas.drawPath(neck, stroke(light(top, 0.35), 4.2, 0.9, 0.6))
    for y, bend in ((212, 7), (262, -6), (300, 5)):
        canvas.drawPath(curve([(-44, y), (0, y + bend), (44, y - bend)]), stroke(dark(top, 0.5), 5, 0.14, 4))
    tone = look.cloth
    for side in (-1, 1):
        edge = [
            (side * x, y)
            for x, y in ((47, 124), (60, 130), (70, 196), (64, 262), (50, 340), (38, 340), (50, 262), (56, 198))
        ]
        path = curve(edge, closed=True)
        canvas.drawPath(path, fill((10, 10, 14), 0.34, 5))
        canvas.drawPath(
            path, linear((side * 40, 130), (side * 70, 330), [(0, light(tone, 0.30), 1), (1, dark(tone, 0.12), 1)])
        )
        canvas.save()
        canvas.clipPath(path, doAntiAlias=True)
        for y in range(126, 336, 5):
            canvas.drawLine(side * 40, y, side * 72, y + 1, stroke(dark(tone, 0.5), 0.8, 0.20))
        canvas.restore()
    for y in (226, 270, 314):
        oval(canvas, (57, y), (4.2, 4.2), fill(dark(tone, 0.5), 0.9, 0.5))
        oval(canvas, (56, y - 1), (2.2, 2.0), fill(light(tone, 0.5), 0.6, 0.8))


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
