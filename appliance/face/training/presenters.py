"""Those who are drawn to be shown: `python -m appliance.face.training.presenters FOLDER` writes their packs.

Upright or across, too, and in front of anything; without a background they come as pictures that are cut out.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import cv2

from appliance.face import packs
from appliance.face.training import pack
from appliance.face.training.look import HOUSE, Look, Pose
from appliance.face.training.rig import REST, Portrait
from appliance.face.training.scene import backdrop
from appliance.face.training.view import VIEWS

PRESENTERS: dict[str, Look] = {
    "sam": HOUSE,
    "amira": Look(
        style="scarf",
        scarf=(88, 118, 126),
        clothes="suit",
        cloth=(58, 62, 74),
        skin=(222, 170, 134),
        hair=(34, 26, 24),
        iris=(84, 58, 36),
        lips=(184, 98, 90),
        beard=0,
        brows=1.0,
        lashes=0.8,
        smile=1.2,
        fullness=1.15,
        width=0.97,
        jaw=0.95,
        nose=1.0,
        seed=11,
    ),
    "naledi": Look(
        style="curls",
        clothes="scrubs",
        cloth=(44, 122, 132),
        accent=(214, 92, 70),
        skin=(132, 88, 64),
        hair=(42, 30, 26),
        iris=(60, 44, 36),
        lips=(150, 78, 72),
        beard=0,
        brows=1.0,
        lashes=0.7,
        smile=1.2,
        fullness=1.35,
        width=0.97,
        jaw=0.95,
        nose=1.18,
        lobby=False,
        wall=(216, 228, 228),
        seed=12,
    ),
    "henrik": Look(
        style="short",
        clothes="tie",
        cloth=(52, 57, 72),
        accent=(122, 44, 56),
        skin=(238, 192, 166),
        hair=(196, 194, 192),
        iris=(92, 120, 148),
        lips=(190, 118, 106),
        age=0.9,
        beard=0.6,
        glasses=1,
        brows=1.2,
        smile=0.9,
        fullness=0.85,
        lobby=False,
        wall=(204, 206, 210),
        seed=4,
    ),
    "mei": Look(
        style="bob",
        clothes="cardigan",
        cloth=(70, 86, 120),
        accent=(240, 236, 230),
        skin=(240, 202, 172),
        hair=(38, 30, 30),
        iris=(66, 46, 34),
        lips=(204, 104, 98),
        beard=0,
        brows=0.95,
        lashes=0.6,
        smile=1.15,
        fullness=1.0,
        width=0.99,
        jaw=0.93,
        nose=0.98,
        eyes=0.96,
        lobby=False,
        wall=(206, 216, 200),
        seed=14,
    ),
    "diego": Look(
        style="crop",
        clothes="suit",
        cloth=(46, 92, 88),
        skin=(198, 142, 106),
        hair=(40, 30, 26),
        iris=(74, 50, 34),
        lips=(168, 98, 84),
        beard=1.0,
        brows=1.3,
        smile=1.1,
        fullness=1.1,
        jaw=1.06,
        nose=1.14,
        seed=15,
    ),
    "ruth": Look(
        style="bob",
        clothes="cardigan",
        cloth=(150, 92, 74),
        accent=(226, 218, 206),
        skin=(240, 198, 172),
        hair=(206, 204, 202),
        iris=(96, 118, 128),
        lips=(192, 104, 98),
        age=1.0,
        beard=0,
        glasses=2,
        brows=0.8,
        lashes=0.3,
        smile=1.3,
        fullness=0.85,
        width=0.98,
        jaw=0.95,
        nose=1.04,
        lobby=False,
        wall=(222, 212, 204),
        seed=16,
    ),
    "priya": Look(
        style="bun",
        clothes="scrubs",
        cloth=(92, 84, 140),
        accent=(232, 180, 70),
        skin=(186, 128, 92),
        hair=(34, 26, 26),
        iris=(64, 44, 32),
        lips=(172, 86, 80),
        beard=0,
        brows=1.05,
        lashes=0.8,
        smile=1.25,
        fullness=1.15,
        width=0.96,
        jaw=0.93,
        nose=1.04,
        lobby=False,
        wall=(226, 222, 232),
        seed=17,
    ),
}
"""The first one is the box's own."""


def main(arguments: list[str] | None = None) -> int:
    """Write packs, or cut-out pictures; return 0."""
    parser = argparse.ArgumentParser(prog="python -m appliance.face.training.presenters", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they go")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PRESENTERS)} (default: all)")
    parser.add_argument("--view", choices=VIEWS, default="square", help="shape of the picture (default: square)")
    parser.add_argument("--background", default="", help="#rrggbb, a picture's path, or none (default: their own)")
    parser.add_argument("--blur", type=float, default=0.0, help="how far a picture is out of focus, pixels")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(PRESENTERS))
    if unknown:
        parser.error(f"there is no presenter {unknown[0]}")
    view = VIEWS[options.view]
    try:
        background = backdrop(options.background, view, blur=options.blur) if options.background else None
    except ValueError as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s %(path)s")
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or PRESENTERS:
        look = PRESENTERS[name]
        if options.background == "none":  # a pack's film has no transparency
            picture = Portrait(look, Pose(), view=view, background=background).cut_out(REST)
            cv2.imwrite(str(options.folder / f"{name}.png"), picture)
        else:
            out = options.folder / f"{name}.avatar"
            pack.build(out, look, name=name, net="talking-face.onnx", view=view, background=background)
            packs.sign(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
