"""What a check found: the machine's state in a sentence, and what to do where it is not right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    verdict: Verdict
    """Failed: the box will not work. Warning: it will, but not well."""
    what: str
    """What was found."""
    hint: str = ""
    """What to do next; empty where all is well."""


def ok(what: str) -> Finding:
    return Finding(Verdict.OK, what)


def warning(what: str, hint: str) -> Finding:
    return Finding(Verdict.WARNING, what, hint)


def failed(what: str, hint: str) -> Finding:
    return Finding(Verdict.FAILED, what, hint)
