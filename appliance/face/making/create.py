"""A photo in, an installed avatar out: read, examined, cut, taught to the face net, put into a pack, measured."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AvatarError, MediaError
from appliance.face import packs
from appliance.face.consent import Consent
from appliance.face.making import background, report
from appliance.face.making.checks import Examination, examine
from appliance.face.making.idle import pose_at
from appliance.face.making.landmarks import Face, FaceFinder
from appliance.face.making.lessons import Lessons, draw_lessons
from appliance.face.making.matting import Matter
from appliance.face.making.pack import FPS, LOOP, Content, Words, write
from appliance.face.making.photo import read_photo
from appliance.face.making.portrait import REST, Portrait
from appliance.face.making.preview import measure, preview
from appliance.face.making.still import cut
from appliance.face.ruler import Ruler
from appliance.face.visemes import aperture

Pixels = NDArray[np.uint8]

Progress = Callable[[float, str], None]
"""Called with the share of the work that is done, and what is at work."""

PREVIEW = "preview.mp4"
READER, TRAINER = "ai_edge_litert", "torch"
"""Libraries that only this needs."""
_EXTRA = "install the extra `train`: pip install --require-hashes -r locks/train.txt"
_SEED = 7
_AI_LABEL = "This face was made from a photo and is moved by software."
_TUNED_FROM, _TUNED_TO, _LOOP_TO = 0.05, 0.90, 0.96
"""Shares of the work at which the training starts and ends, and the loop is drawn."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    photo: Path
    """The photo's file."""
    name: str
    """The avatar's name."""
    consent: Consent | None
    """What the person allowed; None: for tests only."""
    report: Path
    """Folder of the report and the preview."""
    minutes: float
    """Of training."""
    threads: int
    """Of training."""
    replace: bool = False
    """Whether one of that name may be replaced."""
    background: str = ""
    """What is shown behind the person, see `background.read`; empty keeps what the photo has."""


@dataclass(frozen=True, slots=True)
class Files:
    """What it is made with."""

    models: Path
    """Folder of the three nets that read a photo."""
    net: Path
    """The default face net."""


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """The photo, read and examined."""

    photo: Pixels
    """(h, w, 3) uint8 BGR."""
    faces: list[Face]
    """The largest first."""
    examination: Examination
    """What was found."""


def require(*libraries: str) -> None:
    """See that what only this needs is installed.

    Raises:
        AvatarError: code extra-missing.
    """
    for name in libraries:
        if importlib.util.find_spec(name) is None:
            message = f"an avatar is made of a photo with {name}, which is not installed"
            raise AvatarError(message, code="extra-missing", hint=_EXTRA)


def look(photo: Path, models: Path, folder: Path) -> Sitter:
    """Read a photo, examine it, and write the report.

    Raises:
        MediaError: the photo cannot be used; the report shows why, and its picture is named in the hint.
    """
    try:
        pixels = read_photo(photo)
    except MediaError as error:
        found = Examination.refused(error.code, f"{error.message}.", error.hint)
        shown = report.write(folder, None, [], found, {})
        raise MediaError(error.message, code=error.code, hint=f"{error.hint} ({shown})") from error
    faces = FaceFinder(models).find(pixels)
    sitter = Sitter(pixels, faces, examine(pixels, faces))
    shown = report.write(folder, pixels, faces, sitter.examination, {})
    if refusal := sitter.examination.refusal:
        hint = f"{refusal.advice} {shown} shows why."
        raise MediaError(refusal.sentence.rstrip("."), code=refusal.code, hint=hint)
    return sitter


def create(order: Order, files: Files, progress: Progress) -> tuple[Path, dict[str, float]]:
    """Make the avatar and install it; the pack's path, and its figures (see `preview.measure`).

    Raises:
        MediaError: the photo or the background cannot be used.
        AvatarError: codes extra-missing (torch), invalid-name, exists; or the face net cannot be trained on.
    """
    packs.place(order.name, replace=order.replace)
    require(TRAINER)
    behind = background.read(order.background) if order.background else None
    from appliance.face.training.tuning import tune

    progress(0.0, "reading the photo")
    sitter = look(order.photo, files.models, order.report)
    still = cut(sitter.photo, sitter.faces[0])
    matte = Matter(files.models).matte(still.picture)
    if behind is not None:
        still = replace(still, picture=background.in_front_of(still.picture, matte, behind))
    portrait = Portrait(still, matte)
    progress(0.02, "drawing what the net learns")
    lessons = draw_lessons(portrait, still.box, frames=LOOP, fps=FPS, seed=_SEED)

    def tuned(share: float) -> None:
        progress(_TUNED_FROM + share * (_TUNED_TO - _TUNED_FROM), "training")

    net = tune(files.net, lessons, minutes=order.minutes, threads=order.threads, progress=tuned)
    pictures: list[Pixels] = []
    for frame in range(LOOP):
        progress(_TUNED_TO + frame / LOOP * (_LOOP_TO - _TUNED_TO), "drawing the idle loop")
        pictures.append(portrait.draw(REST, pose_at(frame, LOOP, FPS)))
    progress(_LOOP_TO, "measuring")
    author = order.consent.by if order.consent else "not told"
    words = Words(order.name, files.net.name, "LicenseRef-photo", author, _AI_LABEL, photo=True, consent=order.consent)
    with tempfile.TemporaryDirectory() as folder:
        made = write(Content(pictures, still.box, _ruler(lessons), net), words, Path(folder) / "made.avatar")
        figures = measure(made, portrait, matte)
        preview(made, order.report / PREVIEW)
        packs.sign(made)
        packs.bring(made, order.name, replace=order.replace)
    more = {"avatar": order.name, "made": figures}
    report.write(order.report, sitter.photo, sitter.faces, sitter.examination, more)
    progress(1.0, "")
    return packs.find(order.name), figures


def _ruler(lessons: Lessons) -> Ruler:
    rests = lessons.references[lessons.poses]
    faces = rests.copy()
    faces[:, rests.shape[1] // 2 :] = lessons.pictures
    return Ruler.fit(faces, rests, aperture(lessons.mouths))
