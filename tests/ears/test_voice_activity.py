"""The detector runs on the thread that asks."""

from __future__ import annotations

import threading

import pytest

from appliance.ears.voice_activity import _HERE


def test_it_runs_at_once_on_this_thread() -> None:
    assert _HERE.submit(threading.get_ident).result(0) == threading.get_ident()


def test_what_goes_wrong_is_told_to_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        _HERE.submit(lambda: 1 / 0).result(0)
