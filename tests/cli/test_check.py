"""`appliance check`: a whole box, one spoken conversation through LiveKit, and its figures."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

COMMAND = [sys.executable, "-m", "appliance", "check"]


async def finished(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_it_speaks_with_itself_and_prints_its_figures(models: Path) -> None:
    assert models
    for _ in range(3):  # a machine that does something else at that moment shows fewer pictures
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        status, out, err = await finished(process)
        figures = json.loads(out)
        assert (status, figures["errors"]) == (0, 0), err
        assert figures["mouth_to_ear_ms"]["p50"] > 0
        assert figures["barge_in_ms"]["p50"] > 0
        if figures["video_fps"]["p50"] >= 15:
            break
    assert figures["video_fps"]["p50"] >= 15
    assert "greeting" in err, "it tells what it does"


async def test_it_stops_on_ctrl_c_and_leaves_no_box(models: Path) -> None:
    assert models
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"starting" in await asyncio.wait_for(process.stderr.readline(), 60)
    await asyncio.sleep(1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    status, _, _ = await finished(process)
    assert status == 130
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


async def test_what_hinders_it_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "box.toml"
    broken.write_text("[session]\npersona = 'hoost'\n")
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "--config",
        str(broken),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    status, _, err = await finished(process)
    assert status == 1
    assert "hoost" in err
    assert "host" in err
