"""Names under which avatars and face nets are installed."""

from __future__ import annotations

import re
from collections.abc import Container

from appliance.errors import AvatarError

LONGEST = 40
_NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{LONGEST - 1}}}")


def slug(text: str) -> str:
    """A name made of a text: its letters and digits in lower case, with a hyphen for all between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def check(name: str, what: str, taken: Container[str], *, replace: bool) -> None:
    """See that something can be installed under a name; `what` is its kind with its article.

    Raises:
        AvatarError: codes invalid-name, exists.
    """
    if not _NAME.fullmatch(name):
        hint = f"use at most {LONGEST} lower-case letters, digits and hyphens"
        raise AvatarError(f"{name!r} cannot be {what}'s name", code="invalid-name", hint=hint)
    if name in taken and not replace:
        raise AvatarError(f"there is {what} {name} already", code="exists", hint="choose another, or --replace")
