"""A film of a face that waits, made of any pack by the box's own player."""

from __future__ import annotations

from pathlib import Path

import av

from appliance.face.training import life_film
from tests.models import generate


def test_a_film_is_as_long_and_as_large_as_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    arguments = [str(generate.HERE / "tiny.avatar"), str(out), "--seconds", "1.2", "--side", "40"]
    assert life_film.main([*arguments, "--states", "idle", "listening"]) == 0
    with av.open(str(out)) as film:
        frames = list(film.decode(video=0))
    assert len(frames) == 30
    assert (frames[0].width, frames[0].height) == (48, 40)
