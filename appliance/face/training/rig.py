"""A look, a pose and eight mouth parameters in, a drawn presenter out: teacher's picture and default avatar."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import skia
from numpy.typing import NDArray

from appliance.face.training.clothes import draw_body
from appliance.face.training.eyes import draw_eyes
from appliance.face.training.hair import draw_hair, draw_hair_behind
from appliance.face.training.head import draw_ears, draw_neck, draw_nose, draw_skin
from appliance.face.training.headscarf import draw_scarf_under
from appliance.face.training.lips import cheeks, draw_mouth
from appliance.face.training.look import Look, Pose
from appliance.face.training.scene import scene
from appliance.face.training.view import CROP, SQUARE, View

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

CENTRE = (256.0, 200.0)
"""Where the face's middle lies at rest, in units of the drawing."""
_NECK_Y = 120.0
REST = np.zeros(8, np.float32)


class Portrait:
    """One person in one pose; what the mouth does not change is drawn once, so that many mouths cost little."""

    def __init__(self, look: Look, pose: Pose, *, view: View = SQUARE, background: skia.Image | None = None) -> None:
        """Draw the still layers as the view shows them; the background is as large as it, else the look's scene."""
        self._look, self._pose, self._view = look, pose, view
        self._behind = self._layer(self._draw_behind, background or scene(look, view))
        self._between = self._layer(self._draw_between, None)
        self._before = self._layer(self._draw_before, None)

    def draw(self, params: Floats) -> Pixels:
        """Draw with this mouth, (8,) in [0, 1]: (height, width, 3) uint8 BGR."""
        return np.ascontiguousarray(self.cut_out(params)[:, :, :3])

    def cut_out(self, params: Floats) -> Pixels:
        """The same with its transparency, where the background leaves any: (height, width, 4) uint8 BGRA."""
        jaw = float(params[0]) * (1 - 0.75 * float(params[7])) * (1 - 0.3 * float(params[4]))
        look, pose = self._look, self._pose
        surface, canvas = self._surface()
        self._put(canvas, self._behind)
        canvas.save()
        _hold(canvas, pose, 0.6)
        draw_neck(canvas, look, jaw)
        canvas.restore()
        self._put(canvas, self._between)
        canvas.save()
        _hold(canvas, pose, 1.0)
        draw_skin(canvas, look, jaw, pose)
        canvas.translate(4.0 * pose.yaw, 3.0 * pose.pitch + look.mouth_y)
        smile = look.smile + pose.smile
        cheeks(canvas, look, params, smile)
        draw_mouth(canvas, look, params, smile)
        canvas.restore()
        self._put(canvas, self._before)
        return surface.toarray(colorType=skia.kBGRA_8888_ColorType)

    def _surface(self) -> tuple[skia.Surface, skia.Canvas]:
        surface = self._view.surface()
        canvas = surface.getCanvas()
        self._view.person.apply(canvas)
        canvas.translate(*CENTRE)
        return surface, canvas

    @staticmethod
    def _put(canvas: skia.Canvas, layer: skia.Image) -> None:
        """Lay a picture of the view's own size on it, pixel on pixel."""
        canvas.save()
        canvas.resetMatrix()
        canvas.drawImage(layer, 0, 0)
        canvas.restore()

    def _layer(self, draw: Callable[[skia.Canvas, Look, Pose], None], background: skia.Image | None) -> skia.Image:
        surface, canvas = self._surface()
        if background is not None:
            self._put(canvas, background)
        draw(canvas, self._look, self._pose)
        return surface.makeImageSnapshot()

    @staticmethod
    def _draw_behind(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
        _hold(canvas, pose, 0.55)
        draw_hair_behind(canvas, look)

    @staticmethod
    def _draw_between(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
        draw_body(canvas, look, pose.breath)
        if look.style == "scarf":
            draw_scarf_under(canvas, look)
            return
        _hold(canvas, pose, 1.0)
        draw_ears(canvas, look, pose)

    @staticmethod
    def _draw_before(canvas: skia.Canvas, look: Look, pose: Pose) -> None:
        _hold(canvas, pose, 1.0)
        canvas.translate(3.2 * pose.yaw, 3.0 * pose.pitch)
        draw_nose(canvas, look, pose)
        draw_eyes(canvas, look, pose)
        canvas.translate(-3.2 * pose.yaw, -3.0 * pose.pitch)
        draw_hair(canvas, look, pose)


def mouth_place(look: Look, pose: Pose) -> Floats:
    """Tell where the mouth is: x and y in the box's lower half, tilt, half width at rest, smile, fullness; (6,).

    Lengths are pixels of the 192-pixel box, the tilt is in radians clockwise.
    """
    tilt = math.radians(pose.roll)
    x, y = 4.0 * pose.yaw * pose.scale, (3.0 * pose.pitch + look.mouth_y - _NECK_Y) * pose.scale
    across = CENTRE[0] - CROP[0] + pose.dx + x * math.cos(tilt) - y * math.sin(tilt)
    down = CENTRE[1] - CROP[1] - CROP[2] / 2 + pose.dy + _NECK_Y + x * math.sin(tilt) + y * math.cos(tilt)
    smile = look.smile + pose.smile
    half = 27 * look.mouth * pose.scale * (1 + 0.03 * smile)
    return np.array([across, down, tilt, half, smile, look.fullness], np.float32)


def _hold(canvas: skia.Canvas, pose: Pose, share: float) -> None:
    """Move and tilt about the base of the neck."""
    canvas.translate(pose.dx * share, pose.dy * share + _NECK_Y)
    canvas.rotate(pose.roll * share)
    scale = 1 + (pose.scale - 1) * share
    canvas.scale(scale, scale)
    canvas.translate(0, -_NECK_Y)
