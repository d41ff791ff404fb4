"""Hair on the canvas: a shape with light in it, and strands that follow its flow."""

from __future__ import annotations

import random

import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face.training.colour import Colour, dark, light, mix
from appliance.face.training.headscarf import draw_scarf, draw_scarf_behind
from appliance.face.training.look import Look, Pose
from appliance.face.training.paint import Point, Points, curve, fill, linear, mirrored, oval, soft, spot, stroke

Line = NDArray[np.float64]


def draw_hair_behind(canvas: skia.Canvas, look: Look) -> None:
    """Draw what hangs behind head and neck."""
    wide = look.width
    if look.style == "long":
        half = [(0, -134), (48, -126), (84, -86), (95, -20), (97, 50), (102, 120), (84, 168), (50, 172), (40, 60)]
    elif look.style == "bob":
        half = [(0, -134), (48, -126), (84, -86), (95, -20), (98, 40), (88, 88), (56, 92), (40, 60)]
    elif look.style == "bun":
        oval(canvas, (0, -146), (27, 25), linear((-20, -168), (20, -120), _stops(look.hair)))
        return
    elif look.style == "scarf":
        draw_scarf_behind(canvas, look)
        return
    elif look.style == "curls":
        _cloud(canvas, look)
        return
    else:
        return
    shape = curve([(x * wide, y) for x, y in mirrored(half)], closed=True)
    canvas.drawPath(shape, linear((0, -130), (0, 170), [(0, dark(look.hair, 0.1), 1), (1, dark(look.hair, 0.5), 1)]))
    canvas.save()
    canvas.clipPath(shape, doAntiAlias=True)
    pick = random.Random(look.seed)
    for _ in range(110):
        x = pick.choice([-1, 1]) * pick.uniform(58, 100) * wide
        line = [(x * 0.9, -60), (x, 10), (x * 1.03 + pick.uniform(-4, 4), 80), (x * pick.uniform(0.86, 1.05), 170)]
        canvas.drawPath(curve(line), _strand(look.hair, pick, 1.4))
    canvas.restore()
    # Tips: hair that hangs does not end in a line.
    for _ in range(0 if look.style == "long" else 70):
        x = pick.choice([-1, 1]) * pick.uniform(56, 88) * wide
        y = 90 - 0.006 * (abs(x) - 70) ** 2
        tip = (x * pick.uniform(0.90, 1.0), y + pick.uniform(-3, 3.5))
        canvas.drawPath(
            curve([(x, y - pick.uniform(14, 46)), (x * 1.01, y - 8), tip]),
            stroke(dark(look.hair, pick.uniform(0.1, 0.5)), 1.1, 0.5, 0.4),
        )


def draw_hair(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
    """Draw the hair in front of the forehead."""
    if look.style == "scarf":
        draw_scarf(canvas, look, pose)
        return
    if look.style == "bald":
        spot(canvas, (-20, -96), (34, 12), ((255, 250, 240), 0.30), 8)
        return
    canvas.save()
    canvas.translate(-1.2 * pose.yaw, 0.8 * pose.pitch)
    {
        "quiff": _quiff,
        "short": _side_swept,
        "crop": _crop,
        "long": _parted,
        "bob": _parted,
        "bun": _drawn_back,
        "curls": _curls,
    }[look.style](canvas, look)
    canvas.restore()


def _stops(tone: Colour) -> list[tuple[float, Colour, float]]:
    return [(0, light(tone, 0.20), 1), (0.4, tone, 1), (1, dark(tone, 0.42), 1)]


def _strand(tone: Colour, pick: random.Random, width: float = 1.1) -> skia.Paint:
    bright = pick.random()
    colour = light(tone, pick.uniform(0.12, 0.38)) if bright > 0.45 else dark(tone, pick.uniform(0.2, 0.6))
    return stroke(colour, width * pick.uniform(0.5, 1.3), pick.uniform(0.12, 0.42), 0.35)


def _shape(canvas: skia.Canvas, look: Look, points: Points, strands: tuple[Line, Line], lift: float) -> None:
    """A filled lock whose strands run from (roots, tips), bent up by lift pixels."""
    roots, tips = strands
    body = curve(points, closed=True)
    canvas.drawPath(body, fill(dark(look.skin, 0.7), 0.34, 4))
    top, low = float(np.asarray(points)[:, 1].min()), float(np.asarray(points)[:, 1].max())
    canvas.drawPath(body, linear((-40, top), (46, low), _stops(look.hair)))
    canvas.save()
    canvas.clipPath(body, doAntiAlias=True)
    pick = random.Random(look.seed * 7 + len(points))
    for _ in range(260):
        at = pick.random() * (len(roots) - 1.001)
        low_at, part = int(at), at % 1
        root = roots[low_at] + (roots[low_at + 1] - roots[low_at]) * part
        tip = tips[low_at] + (tips[low_at + 1] - tips[low_at]) * part
        reach = pick.uniform(0.75, 1.08)
        wobble = pick.uniform(-3, 3)
        middle = (root + tip) / 2 + (wobble, -lift * pick.uniform(0.6, 1.3))
        end = root + (tip - root) * reach + (wobble, pick.uniform(-2, 2))
        canvas.drawPath(curve([root + np.array([pick.uniform(-2, 2), 3]), middle, end]), _strand(look.hair, pick, 1.3))
    canvas.restore()


def _hairline(canvas: skia.Canvas, look: Look, points: Points, pole: Point, count: int = 150) -> None:
    """Fine short hairs that grow out of the skin: nobody's hairline is an edge.

    They grow towards a pole above it, as combed, or away from one below.
    """
    at = np.asarray(points, np.float64)
    pick = random.Random(look.seed * 17 + len(at))
    canvas.drawPath(curve(at), stroke(mix(look.hair, look.skin, 0.42), 7, 0.42, 3.2))
    along = np.linspace(0, 1, len(at))
    for _ in range(count):
        share = pick.random()
        root = np.array([np.interp(share, along, at[:, 0]), np.interp(share, along, at[:, 1])])
        way = np.subtract(pole, root) * (1 if pole[1] < root[1] else -1)
        way = way / np.linalg.norm(way)
        reach, drop = pick.uniform(6, 13), pick.uniform(-4, 1.6)
        tip = root + reach * way + (pick.uniform(-2, 2), pick.uniform(-1, 1))
        middle = (root + tip) / 2 + (pick.uniform(-0.8, 0.8), 0)
        tone = mix(dark(look.hair, pick.uniform(0, 0.4)), look.skin, pick.uniform(0.05, 0.3))
        line = np.stack([root - drop * way, middle, tip])
        canvas.drawPath(curve(line), stroke(tone, pick.uniform(0.6, 1.1), 0.42, 0.35))


def _flyaways(canvas: skia.Canvas, look: Look, points: Points, count: int) -> None:
    """Single hairs that leave the outline, given from left to right over the crown."""
    at = np.asarray(points, np.float64)
    pick = random.Random(look.seed * 23)
    along = np.linspace(0, 1, len(at))
    for _ in range(count):
        start, length = pick.uniform(0, 0.93), pick.uniform(0.03, 0.09)
        far = pick.uniform(0.4, 2.6)
        line: list[tuple[float, float]] = []
        for share, away in ((start, -0.5), (start + length / 2, far), (start + length, -0.3)):
            x, y = float(np.interp(share, along, at[:, 0])), float(np.interp(share, along, at[:, 1]))
            norm = float(np.hypot(x, y + 30))
            line.append((x + away * x / norm, y + away * (y + 30) / norm))
        canvas.drawPath(curve(line), stroke(mix(look.hair, (255, 240, 220), pick.uniform(0, 0.35)), 0.7, 0.45, 0.3))


def _texture(canvas: skia.Canvas, look: Look, body: skia.Path, count: int) -> None:
    """Hair too short to lie: dense small turns of light and dark, brighter towards the light."""
    canvas.save()
    canvas.clipPath(body, doAntiAlias=True)
    pick = random.Random(look.seed * 29)
    for _ in range(count):
        x, y = pick.uniform(-84, 84), pick.uniform(-134, -48)
        bright = pick.random() < 0.42 - 0.002 * x + 0.002 * (-92 - y)
        tone = light(look.hair, pick.uniform(0.10, 0.34)) if bright else dark(look.hair, pick.uniform(0.3, 0.7))
        turn, size = pick.uniform(0, 6.28), pick.uniform(1.2, 2.6)
        arc = [(x + size * np.cos(turn + a), y + size * np.sin(turn + a)) for a in (0.0, 1.1, 2.3)]
        canvas.drawPath(curve(arc), stroke(tone, 1.0, pick.uniform(0.2, 0.5), 0.3))
    canvas.restore()


def _shine(canvas: skia.Canvas, look: Look, points: Points, width: float, alpha: float) -> None:
    canvas.drawPath(curve(points), stroke(light(look.hair, 0.62), width, alpha, width * 0.55))


def _sides(canvas: skia.Canvas, look: Look, low: float, fade: float = 0.10) -> None:
    """Short hair beside the temples, fading into the skin; the shorter it is cut, the more of that shines through."""
    for side in (-1, 1):
        w = look.width
        temple = [(78, -88), (84, -50), (80.5, -22), (75, low), (69, low - 6), (69.5, -30), (66, -52), (58, -76)]
        points = [(side * x * w, y) for x, y in temple]
        tone = mix(look.hair, look.skin, fade)
        top, end = (0, -84), (0, low)
        canvas.drawPath(
            curve(points, closed=True),
            soft(linear(top, end, [(0, look.hair, 1), (0.5, tone, 0.92), (1, tone, 0.30)]), 1.6 + 3 * fade),
        )
        pick = random.Random(look.seed + side)
        for _ in range(60):
            y = pick.uniform(-80, low - 12)
            x = side * pick.uniform(65, 80) * w
            line = [(x, y), (x + side * 1.5, y + 5), (x + side * 0.5, y + 11)]
            canvas.drawPath(curve(line), _strand(look.hair, pick, 0.9))


def _lock(canvas: skia.Canvas, look: Look, spine: Line, width: float, pick: random.Random) -> None:
    """One tapering lock along a spine of (root, bend, tip), with its own light and strands."""
    share = np.linspace(0, 1, 9)[:, None]
    middle = (1 - share) ** 2 * spine[0] + 2 * share * (1 - share) * spine[1] + share**2 * spine[2]
    along = np.gradient(middle, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True)
    thick = width * (0.80 + 0.75 * share - 1.25 * share**2) + 0.6
    body = np.concatenate([middle + across * thick, (middle - across * thick)[::-1]])
    tone = mix(look.hair, dark(look.hair, 0.4), pick.uniform(0, 0.45))
    stops = [
        (0, dark(tone, 0.42), 0.85),
        (0.3, light(tone, 0.10), 1),
        (0.6, light(tone, 0.16), 1),
        (1, dark(tone, 0.22), 1),
    ]
    canvas.drawPath(curve(body, closed=True), fill(dark(look.hair, 0.75), 0.35, 2.2))
    canvas.drawPath(curve(body, closed=True), soft(linear(tuple(spine[0]), tuple(spine[2]), stops), 0.7))
    for _ in range(22):
        offset = pick.uniform(-1.05, 1.05)
        first, last = pick.choice([0, 0, 1]), pick.choice([6, 7, 8, 8])
        line = (middle + across * thick * offset + pick.uniform(-0.5, 0.5))[first : last + 1 : 2]
        canvas.drawPath(curve(line), _strand(look.hair, pick, 1.0))


def _quiff(canvas: skia.Canvas, look: Look) -> None:
    """Short sides and a full top that is combed up and over: the house presenter's."""
    w = look.width
    _sides(canvas, look, -2, fade=0.2)
    dome = [
        (-79, -62), (-82, -88), (-66, -118), (-28, -136), (18, -139), (56, -128), (78, -102), (80, -66), (73, -62),
        (66, -80), (52, -94), (20, -103), (-24, -104), (-52, -95), (-66, -80), (-73, -62),
    ]  # fmt: skip
    roots = np.array([(-76, -64), (-64, -80), (-30, -96), (10, -98), (48, -92), (70, -76), (78, -64)], np.float64)
    tips = np.array([(-83, -92), (-64, -122), (-28, -138), (16, -142), (54, -130), (78, -104), (84, -72)], np.float64)
    _shape(canvas, look, [(x * w, y) for x, y in dome], (roots * (w, 1), tips * (w, 1)), 4)
    pick = random.Random(look.seed * 11)
    # Back to front: the last locks lie in front and sweep from the parting on the left over to the right.
    for number in range(15):
        at = number / 14
        x = 60 - 116 * at
        root = (x + pick.uniform(-3, 3), -82 - 19 * np.sin(np.pi * (x + 62) / 124) + pick.uniform(-3, 4))
        tip = (
            x + 8 + 42 * at + pick.uniform(-5, 5),
            -122 - 21 * np.sin(np.pi * (at * 0.8 + 0.12)) + pick.uniform(-4, 4),
        )
        bend = (x - 5 + 6 * at, -116 - 14 * at + pick.uniform(-3, 3))
        _lock(canvas, look, np.array([root, bend, tip], np.float64) * (w, 1), 11.5 + 2.5 * at, pick)
    line = [(x * w, -81 - 19 * np.sin(np.pi * (x + 62) / 124)) for x in range(-62, 63, 12)]
    _hairline(canvas, look, line, (0, -10))
    _flyaways(canvas, look, [(x * w, y) for x, y in dome[:8]], 26)
    _shine(canvas, look, [(-34, -116), (0, -128), (38, -126), (62, -112)], 8, 0.30)


def _side_swept(canvas: skia.Canvas, look: Look) -> None:
    w = look.width
    _sides(canvas, look, -6, fade=0.16)
    front = [
        (-80, -50), (-84, -88), (-64, -122), (-22, -138), (26, -138), (64, -120), (84, -86), (80, -50), (72, -62),
        (64, -82), (40, -76), (10, -84), (-30, -98), (-48, -88), (-66, -72),
    ]  # fmt: skip
    roots = np.array([(-44, -104), (-44, -112), (-40, -118), (-34, -126), (-28, -130)], np.float64)
    tips = np.array([(-76, -56), (20, -80), (66, -76), (80, -58), (60, -124)], np.float64)
    _shape(canvas, look, [(x * w, y) for x, y in front], (roots * (w, 1), tips * (w, 1)), 12)
    pick = random.Random(look.seed * 19)
    for _ in range(90):  # beside the parting it lies to the other side
        low = pick.random()
        root, tip = (-42 - 4 * low, -128 + 30 * low), (-82 + 6 * low, -84 + 32 * low)
        line = [(x * w + pick.uniform(-3, 3), y) for x, y in (root, (-70 + 8 * low, -112 + 30 * low), tip)]
        canvas.drawPath(curve(line), _strand(look.hair, pick, 1.3))
    _hairline(canvas, look, [(x * w, y) for x, y in ((-70, -64), (-64, -74), (-50, -88), (-32, -97))], (0, -10), 50)
    _flyaways(canvas, look, [(x * w, y) for x, y in front[:8]], 26)
    _shine(canvas, look, [(-30, -112), (10, -110), (48, -98)], 8, 0.28)


def _crop(canvas: skia.Canvas, look: Look) -> None:
    w = look.width
    _sides(canvas, look, -14, fade=0.34)
    crown = [(-78, -62), (-81, -90), (-63, -118), (-24, -131), (24, -132), (64, -117), (81, -90), (78, -62)]
    # Lower in the middle than over the temples, and not the same on both sides.
    front = [(67, -66), (57, -83), (43, -97), (27, -97), (5, -93), (-20, -95), (-41, -98), (-56, -84), (-67, -66)]
    body = curve([(x * w, y) for x, y in (*crown, *front)], closed=True)
    canvas.drawPath(body, soft(linear((-40, -134), (46, -60), _stops(look.hair)), 1.2))
    _texture(canvas, look, body, 1500)
    _hairline(canvas, look, [(x * w, y + 1) for x, y in front], (0, 20), 220)
    spot(canvas, (-26 * w, -116), (34, 10), (light(look.hair, 0.6), 0.20), 8)


def _parted(canvas: skia.Canvas, look: Look) -> None:
    w = look.width
    for side in (-1, 1):
        lock = [
            (-8, -134),
            (36, -130),
            (76, -100),
            (92, -40),
            (94, 30),
            (88, 60),
            (76, 30),
            (74, -20),
            (60, -60),
            (26, -92),
            (-6, -112),
        ]
        roots = np.array([(-6, -130), (-6, -122), (-6, -114)], np.float64)
        tips = np.array([(92, 40), (84, 44), (76, 10)], np.float64)
        _shape(canvas, look, [(side * x * w, y) for x, y in lock], (roots * (side * w, 1), tips * (side * w, 1)), 46)
        for share in (0.12, 0.36, 0.58, 0.84):
            ribbon = [
                (2, -126 + 8 * share),
                (34 + 16 * share, -116 + 22 * share),
                (62 + 22 * share, -66),
                (77 + 15 * share, 22),
            ]
            there = [(side * x * w, y) for x, y in ribbon]
            canvas.drawPath(curve(there), stroke(light(look.hair, 0.4), 7, 0.20 if side < 0 else 0.12, 4))
            canvas.drawPath(curve([(x + side * 6, y) for x, y in there]), stroke(dark(look.hair, 0.6), 6, 0.20, 4))
        _shine(canvas, look, [(side * 30 * w, -108), (side * 62 * w, -84), (side * 80 * w, -40)], 8, 0.26)
        if side > 0:
            crown = [(-92, -40), (-76, -100), (-36, -130), (0, -134), (36, -130), (76, -100), (92, -40)]
            _flyaways(canvas, look, [(x * w, y) for x, y in crown], 34)


def _drawn_back(canvas: skia.Canvas, look: Look) -> None:
    w = look.width
    top = [
        (-78, -30),
        (-84, -80),
        (-62, -120),
        (-20, -136),
        (20, -136),
        (62, -120),
        (84, -80),
        (78, -30),
        (70, -62),
        (46, -89),
        (0, -98),
        (-46, -89),
        (-70, -62),
    ]
    roots = np.array([(-76, -40), (-56, -80), (0, -94), (56, -80), (76, -40)], np.float64)
    tips = np.array([(-26, -132), (-14, -136), (0, -138), (14, -136), (26, -132)], np.float64)
    _shape(canvas, look, [(x * w, y) for x, y in top], (roots * (w, 1), tips * (w, 1)), 8)
    for side in (-1, 1):
        for x, y in ((74, -50), (64, -72), (46, -88), (22, -95)):
            ribbon = [(side * x * w, y), (side * (x * 0.86 + 6) * w, y - 30), (side * (10 + 0.24 * x) * w, -134)]
            canvas.drawPath(curve(ribbon), stroke(light(look.hair, 0.38), 6, 0.22 if side < 0 else 0.12, 3.5))
            shade = [(px + side * 6, py) for px, py in ribbon]
            canvas.drawPath(curve(shade), stroke(dark(look.hair, 0.6), 5, 0.24, 3))
    line = [(-76, -40), (-70, -62), (-47, -88), (-20, -96), (4, -98), (28, -95), (48, -87), (70, -61), (76, -40)]
    _hairline(canvas, look, [(x * w, y) for x, y in line], (0, -165), 170)
    _flyaways(canvas, look, [(x * w, y) for x, y in top[:8]], 30)
    _shine(canvas, look, [(-52, -100), (-18, -113), (14, -114), (40, -106)], 9, 0.30)


def _curl(canvas: skia.Canvas, look: Look, at: tuple[float, float], size: float, pick: random.Random) -> None:
    """One curl: a soft ball with a turn of light in it."""
    tone = mix(look.hair, dark(look.hair, 0.5), pick.uniform(0, 0.7))
    spot(canvas, at, (size, size * 0.92), (tone, 0.95), 2.2)
    start = pick.uniform(0, 6.28)
    for ring, alpha in ((0.75, 0.5), (0.45, 0.42)):
        turn = np.linspace(start, start + 3.6, 7)
        line = np.stack([at[0] + size * ring * np.cos(turn), at[1] + size * ring * 0.9 * np.sin(turn)], 1)
        canvas.drawPath(curve(line), stroke(light(look.hair, pick.uniform(0.10, 0.34)), 1.5, alpha, 0.5))
        canvas.drawPath(curve(line + np.array([0.8, 1.4])), stroke(dark(look.hair, 0.7), 1.5, alpha, 0.7))


def _cloud(canvas: skia.Canvas, look: Look) -> None:
    """Curls around the head, behind it."""
    pick = random.Random(look.seed * 5)
    half = [(0, -158), (52, -150), (92, -116), (108, -64), (104, -14), (88, 26), (60, 40)]
    shape = curve([(x * look.width, y) for x, y in mirrored(half)], closed=True)
    canvas.drawPath(shape, soft(fill(dark(look.hair, 0.35)), 3))
    for share in np.linspace(0, 1, 44):
        angle = np.pi * (1.28 * share - 0.14)
        for reach in (0.90, 1.0):
            at = (-106 * look.width * reach * np.cos(angle), -58 - 98 * reach * np.sin(angle))
            jitter = (pick.uniform(-4, 4), pick.uniform(-4, 4))
            _curl(canvas, look, (float(at[0]) + jitter[0], float(at[1]) + jitter[1]), pick.uniform(10, 15), pick)


def _curls(canvas: skia.Canvas, look: Look) -> None:
    """Curls over the forehead and the temples."""
    pick = random.Random(look.seed * 13)
    w = look.width
    for row in range(5):
        lift = row * 13
        for share in np.linspace(0, 1, 21):
            angle = np.pi * (1.02 * share - 0.01)
            x, y = -79 * w * np.cos(angle), -54 - (46 + lift) * np.sin(angle)
            at = (float(x) + pick.uniform(-4, 4), float(y) + pick.uniform(-4, 4))
            _curl(canvas, look, at, pick.uniform(9.5, 12.5), pick)
