"""What is behind the presenter: a lobby out of focus, a plain wall, one colour, a picture, or nothing."""

from __future__ import annotations

import random
from pathlib import Path

import skia

from appliance.face.training.colour import dark, light, mix
from appliance.face.training.look import Look
from appliance.face.training.paint import argb, curve, fill, linear, polygon, radial, rounded, soft, spot, stroke
from appliance.face.training.view import SQUARE, View


def scene(look: Look, view: View = SQUARE) -> skia.Image:
    """Draw what is behind the presenter, once for many pictures."""
    surface = view.surface()
    with surface as canvas:
        view.scene.apply(canvas)
        _draw_scene(canvas, look)
    return surface.makeImageSnapshot()


def backdrop(told: str, view: View = SQUARE, *, blur: float = 0.0) -> skia.Image:
    """Make a background of what a user names.

    Args:
        told: `none` for a transparent one, a colour as `#rrggbb`, or the path of a picture, which then fills the view.
        blur: how far a picture is out of focus, sigma in pixels.
    Raises:
        ValueError: it is none of these.
    """
    surface = view.surface()
    canvas = surface.getCanvas()
    if told.startswith("#") and len(told) == 7:
        value = int(told[1:], 16)
        canvas.clear(argb((value >> 16, value >> 8 & 255, value & 255)))
    elif told != "none":
        if not Path(told).is_file():
            raise ValueError(f"{told} is no picture, no #rrggbb and not none")
        picture = skia.Image.open(told)
        scale = max(view.width / picture.width(), view.height / picture.height())
        paint = skia.Paint(AntiAlias=True)
        if blur:
            paint.setImageFilter(skia.ImageFilters.Blur(blur, blur, skia.TileMode.kClamp))
        size = (picture.width() * scale, picture.height() * scale)
        place = skia.Rect.MakeXYWH((view.width - size[0]) / 2, (view.height - size[1]) / 2, *size)
        canvas.drawImageRect(picture, place, skia.SamplingOptions(skia.CubicResampler.Mitchell()), paint)
    return surface.makeImageSnapshot()


def _draw_scene(canvas: skia.Canvas, look: Look) -> None:
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
        soft(
            linear(
                (0, -20), (0, 372), [(0, (255, 232, 190), 0.42), (0.5, (255, 220, 170), 0.06), (1, (70, 40, 20), 0.28)]
            ),
            5,
        ),
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
