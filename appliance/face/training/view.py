"""What of the drawing is seen, and how large: pictures of any size from one rig, drawn at that size."""

from __future__ import annotations

from dataclasses import dataclass

import skia

SIDE = 512
"""The drawing is laid out on a square of so many units a side."""
CROP = (160, 126, 192)
"""The box that the net sees: left, top and side, in units."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the drawing and how large it is shown."""

    scale: float = 1.0
    """Pixels a unit."""
    left: float = 0.0
    """Where its left edge lies, in units."""
    top: float = 0.0
    """Where its upper edge lies, in units."""

    def apply(self, canvas: skia.Canvas) -> None:
        """Let the canvas be drawn on in units."""
        canvas.scale(self.scale, self.scale)
        canvas.translate(-self.left, -self.top)


@dataclass(frozen=True, slots=True)
class View:
    """One size of picture: who stands in it, and what is behind, each seen through a window of its own."""

    width: int
    """Pixels, even."""
    height: int
    """Pixels, even."""
    person: Window = Window()
    """Which of the presenter is seen."""
    scene: Window = Window()
    """Which of the place is seen."""

    def box(self) -> tuple[int, int, int]:
        """The box that the net sees: left, top and side, in pixels of this view."""
        left, top, side = CROP
        seen = self.person
        corner = ((left - seen.left) * seen.scale, (top - seen.top) * seen.scale)
        return round(corner[0]), round(corner[1]), round(side * seen.scale)

    def surface(self) -> skia.Surface:
        """An empty picture of this size."""
        return skia.Surface(self.width, self.height)


SQUARE = View(SIDE, SIDE)
FACE = View(CROP[2], CROP[2], Window(1, CROP[0], CROP[1]), Window(1, CROP[0], CROP[1]))
"""The net's box alone."""
VIEWS: dict[str, View] = {
    "square": SQUARE,
    "portrait": View(720, 1280, Window(2.0, 76, -116), Window(2.5, 112, 0)),
    "landscape": View(1280, 720, Window(1.40625, 160 - 506 / 1.40625, 126 - 168 / 1.40625), Window(2.5, 0, 150)),
}
"""What a presenter can be drawn as; the face's box begins at even pixels and has an even side in each."""
