"""`appliance avatar create`: a photo and its person's consent in, an avatar that speaks out."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2

from appliance.bundles import manifest
from appliance.bundles.fetch import fetch
from appliance.cli.models import Bar
from appliance.config import load as load_config
from appliance.errors import AvatarError
from appliance.face.consent import Consent

if TYPE_CHECKING:
    from appliance.face.making.create import Files

_TESTS = "test"
_MANIFEST, _ROLE = "photo", "photo"
_REDRAW_S, _LINE_S = 0.5, 15.0
_WIDTH = 24
_OPTIONS = "--consent-by, --consent-for and --consent-until"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--photo", type=Path, help="a photo of one person, from the front")
    source.add_argument(
        "--video", type=Path, help="a film of one person who speaks and listens, 10 s to 5 min, in one take"
    )
    parser.add_argument("--name", required=True, help="the avatar's name: lower-case letters, digits and hyphens")
    parser.add_argument("--consent", metavar="FILE", help='a consent record (TOML), or "test": for tests only')
    parser.add_argument("--consent-by", metavar="WHO", help="who allows it")
    parser.add_argument("--consent-for", metavar="WHAT", help="what for")
    parser.add_argument("--consent-until", metavar="DAY", help="until when, like 2027-12-31")
    parser.add_argument(
        "--background", default="", help="blur, #rrggbb or a picture's path (default: what is behind in the photo)"
    )
    parser.add_argument("--report", type=Path, help="folder of the report and the preview (default: NAME-report)")
    parser.add_argument("--check", action="store_true", help="examine the photo or film and write the report, no more")
    parser.add_argument("--minutes", type=float, default=9.0, help="of training (default: 9)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="of training")
    parser.add_argument("--replace", action="store_true", help="replace the one of that name")


def run(args: argparse.Namespace) -> tuple[Any, str]:
    """The result for --json, and for people.

    Raises:
        MediaError: the photo cannot be used.
        AvatarError: there is no consent (code no-consent), or the avatar cannot be made.
    """
    from appliance.face.making import create as making

    making.require(making.READER, *([] if args.check else [making.TRAINER]))
    report = args.report or Path(f"{args.name}-report")
    cv2.setNumThreads(1)
    consent = None if args.check else _consent(args)
    if args.background and args.video:
        raise AvatarError("a film keeps its background", code="bad-background", hint="leave --background out")
    files = _files(args)
    source, video = (args.video, True) if args.video else (args.photo, False)
    order = making.Order(
        source, video, args.name, consent, report, args.minutes, args.threads, args.replace, args.background
    )
    with _Bar() as bar:
        if args.check:
            seen = making.look(order, files, bar)
            warnings = [finding.sentence for finding in seen.examination.findings]
            return {"report": str(report), "warnings": warnings}, "\n".join([*warnings, f"report: {report}"])
        path, figures = making.create(order, files, bar)
    told = {"name": args.name, "path": str(path), "report": str(report), "figures": figures}
    kept = "" if consent else "; its pictures say that it is for tests"
    return (
        told,
        f'installed: {args.name}{kept}\nreport and preview: {report}\nshow it with [face] avatar = "{args.name}"',
    )


def _files(args: argparse.Namespace) -> Files:
    """The default face net, and the three that read a photo, fetched where they are missing."""
    from appliance.face.making.create import Files

    bundle = manifest.load(_MANIFEST)
    fetch(bundle, Bar("fetch"))
    settings = load_config(args.config).config
    return Files(bundle.opens[_ROLE], manifest.load(settings.models.manifest).opens["face"])


def _consent(args: argparse.Namespace) -> Consent | None:
    """The record that the options, a file or a person at the terminal give; None for tests.

    Raises:
        AvatarError: codes no-consent, bad-consent.
    """
    given = [args.consent_by, args.consent_for, args.consent_until]
    if args.consent == _TESTS and not any(given):
        return None
    if args.consent and args.consent != _TESTS and not any(given):
        return _record(_read(Path(args.consent)))
    if args.consent:
        raise AvatarError("consent was given twice", code="bad-consent", hint=f"use --consent FILE, or {_OPTIONS}")
    if not any(given) and sys.stdin.isatty():
        given = _asked()
    if not all(given):
        raise AvatarError(
            "nobody has allowed an avatar of this person",
            code="no-consent",
            hint=f"tell who, what for and until when: {_OPTIONS}; or --consent test",
        )
    by, purpose, until = given
    return _record({"by": by, "purpose": purpose, "until": _day(until)})


def _asked() -> list[str]:
    print("An avatar shows a real person. Who allowed it?", file=sys.stderr)
    return [input(question).strip() for question in ("Who: ", "What for: ", "Until when (like 2027-12-31): ")]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"the consent record {path} cannot be read: {error.strerror}"
        raise AvatarError(message, code="bad-consent", hint="name a TOML file, or use --consent test") from error
    except ValueError as error:
        raise _bad(str(error)) from error


def _record(values: dict[str, Any]) -> Consent:
    try:
        return Consent.read({"given": datetime.date.today(), **values})
    except ValueError as error:
        raise _bad(str(error)) from error


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise _bad(f"{text!r} is no day") from error


def _bad(reason: str) -> AvatarError:
    hint = 'a record is by = "…", purpose = "…", until = 2027-12-31, and given = a day where it is not today'
    return AvatarError(f"the consent record cannot be used: {reason}", code="bad-consent", hint=hint)


class _Bar:
    """Share and time left on standard error: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun_s = clock()
        self._last_s = -_LINE_S
        self._terminal = sys.stderr.isatty()

    def __call__(self, share: float, what: str) -> None:
        now_s = self._clock() - self._begun_s
        if share < 1 and now_s - self._last_s < (_REDRAW_S if self._terminal else _LINE_S):
            return
        self._last_s = now_s
        left_s = now_s / share - now_s if share > 0 else 0.0
        left = f"{left_s // 60:.0f}:{left_s % 60:02.0f} left" if 0 < share < 1 else ""
        text = f"create {share:4.0%}  {what}  {left}".rstrip()
        if self._terminal:
            bar = "#" * round(share * _WIDTH)
            print(f"\r\033[K[{bar:<{_WIDTH}}] {text}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """The work ends, or ends early."""
        if kind is not None and self._terminal:
            print("\r\033[K", end="", file=sys.stderr)
        if kind is KeyboardInterrupt:
            print("stopped: no avatar was made", file=sys.stderr, flush=True)
