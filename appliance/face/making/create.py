"""A photo or a film in, an installed avatar out: examined, taught to the face net, put into a pack, measured."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import AvatarError, MediaError
from appliance.face import packs
from appliance.face.consent import Consent
from appliance.face.making import background, filming, report, sitting
from appliance.face.making.checks import Examination
from appliance.face.making.lessons import Lessons
from appliance.face.making.pack import Content, Words, write
from appliance.face.making.person import Person, Progress, Seen
from appliance.face.making.preview import measure, preview
from appliance.face.ruler import Ruler
from appliance.face.visemes import aperture

Pixels = NDArray[np.uint8]

PREVIEW = "preview.mp4"
READER, TRAINER = "ai_edge_litert", "torch"
"""Libraries that only this needs."""
_EXTRA = "install the extra `train`: pip install --require-hashes -r locks/train.txt"
_FILM_WATCHED, _FILM_TAKEN = 0.10, 0.22
_TUNED_TO, _LOOP_TO = 0.90, 0.96
"""Shares of the work at which a film was gone through once and twice, the training ends, and the loop is drawn."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    source: Path
    """The photo's or the film's file."""
    video: bool
    """Whether it is a film."""
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


def require(*libraries: str) -> None:
    """See that what only this needs is installed.

    Raises:
        AvatarError: code extra-missing.
    """
    for name in libraries:
        if importlib.util.find_spec(name) is None:
            message = f"an avatar is made of a photo with {name}, which is not installed"
            raise AvatarError(message, code="extra-missing", hint=_EXTRA)


def look(order: Order, files: Files, progress: Progress) -> Seen:
    """Read a photo or a film, examine it, and write the report.

    Raises:
        MediaError: it cannot be used; the report shows why, and its picture is named in the hint.
    """
    behind = background.read(order.background) if order.background else None
    try:
        if order.video:
            seen = filming.look(order.source, files.models, progress)
        else:
            seen = sitting.look(order.source, files.models, behind)
    except MediaError as error:
        raise _shown(order, error) from error
    shown = report.write(order.report, seen.shown, seen.faces, seen.examination, {})
    if refusal := seen.examination.refusal:
        hint = f"{refusal.advice} {shown} shows why."
        raise MediaError(refusal.sentence.rstrip("."), code=refusal.code, hint=hint)
    return seen


def create(order: Order, files: Files, progress: Progress) -> tuple[Path, dict[str, float | None]]:
    """Make the avatar and install it; the pack's path, and its figures (see `preview.measure`).

    Raises:
        MediaError: the photo, the film or the background cannot be used.
        AvatarError: codes extra-missing (torch), invalid-name, exists; or the face net cannot be trained on.
    """
    packs.place(order.name, replace=order.replace)
    require(TRAINER)
    from appliance.face.training.tuning import tune

    watched, taken = (_FILM_WATCHED, _FILM_TAKEN) if order.video else (0.01, 0.05)
    progress(0.0, f"reading the {'film' if order.video else 'photo'}")
    seen = look(order, files, lambda share, what: progress(share * watched, what))
    person = _person(order, seen, lambda share, what: progress(watched + share * (taken - watched), what))

    def tuned(share: float) -> None:
        progress(taken + share * (_TUNED_TO - taken), "training")

    net = tune(files.net, person.lessons, minutes=order.minutes, threads=order.threads, progress=tuned)
    pictures: list[Pixels] = []
    for picture in person.loop:
        progress(_TUNED_TO + len(pictures) / person.n_loop * (_LOOP_TO - _TUNED_TO), "drawing the idle loop")
        pictures.append(picture)
    progress(_LOOP_TO, "measuring")
    author = order.consent.by if order.consent else "not told"
    words = Words(
        order.name, files.net.name, person.licence, author, person.ai_label, photo=True, consent=order.consent
    )
    with tempfile.TemporaryDirectory() as folder:
        content = Content(pictures, person.boxes, _ruler(person.lessons), net)
        made = write(content, words, Path(folder) / "made.avatar")
        figures = measure(made, person.held, person.behind)
        preview(made, order.report / PREVIEW)
        packs.sign(made)
        packs.bring(made, order.name, replace=order.replace)
    more = {"avatar": order.name, "made": figures}
    report.write(order.report, seen.shown, seen.faces, seen.examination, more)
    progress(1.0, "")
    return packs.find(order.name), figures


def _person(order: Order, seen: Seen, progress: Progress) -> Person:
    """What is taken out of photo or film; what only who goes through all of it finds is shown in the report, too."""
    try:
        return seen.person(progress)
    except MediaError as error:
        raise _shown(order, error, seen) from error


def _shown(order: Order, error: MediaError, seen: Seen | None = None) -> MediaError:
    """The same error, shown in the report, whose picture its hint names."""
    found = Examination.refused(error.code, f"{error.message}.", error.hint)
    if seen is not None:
        found = Examination(found.findings + seen.examination.findings, seen.examination.figures)
    picture, faces = (seen.shown, seen.faces) if seen is not None else (None, [])
    shown = report.write(order.report, picture, faces, found, {})
    return MediaError(error.message, code=error.code, hint=f"{error.hint} ({shown})")


def _ruler(lessons: Lessons) -> Ruler:
    rests = lessons.references[lessons.poses]
    faces = rests.copy()
    faces[:, rests.shape[1] // 2 :] = lessons.pictures
    return Ruler.fit(faces, rests, aperture(lessons.mouths))
