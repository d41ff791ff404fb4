"""What a process holds, how it grows with visits, and visits of a real server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.evaluation.box import Box
from appliance.evaluation.churn import WARM_UP, Samples, Usage, measure, steady, usage

STATUS = "Name:\tpython\nVmPeak:\t  900000 kB\nVmRSS:\t  524288 kB\nRssAnon:\t  262144 kB\nThreads:\t37\n"
FREE = {"APPLIANCE_SFU__PORT": "0", "APPLIANCE_SFU__UDP_PORT": "0", "APPLIANCE_SFU__TCP_PORT": "0"}


def test_usage_is_read_from_proc(tmp_path: Path) -> None:
    folder = tmp_path / "42"
    (folder / "fd").mkdir(parents=True)
    (folder / "status").write_text(STATUS)
    for number in range(5):
        (folder / "fd" / str(number)).touch()
    assert usage(42, tmp_path) == Usage(512, 256, 37, 5)
    assert usage(os.getpid()).threads >= 1


def test_growth_is_that_of_the_visits_after_the_warm_up() -> None:
    fresh = Usage(300, 200, 20, 50)
    warming = [30 * min(n, WARM_UP) + (n % 17 == 0) * 40 for n in range(50)]
    visits = [Usage(300 + warming[n] + 0.2 * n, 200 + 0.1 * n, 30, 60) for n in range(50)]
    figures = Samples(fresh, visits, Usage(600, 205, 30, 60), Usage(612, 210, 31, 58)).summary()
    assert figures["visits"] == 50
    assert figures["mib_per_visit"] == pytest.approx(0.2, abs=0.02)
    assert figures["anonymous_mib_per_visit"] == pytest.approx(0.1)
    assert (figures["threads_delta"], figures["descriptors_delta"]) == (1, -2)
    assert figures["against_fresh"] == {"resident_mib": 312.0, "threads": 11, "descriptors": 8}


def test_a_box_is_steady_when_nothing_changed_for_some_time() -> None:
    calm, busy = Usage(1, 1, 10, 20), Usage(1, 1, 11, 20)
    assert not steady([calm] * 5)
    assert not steady([calm, calm, busy, calm, calm, calm])
    assert steady([busy, *[calm] * 5, Usage(9, 9, 10, 20)])


@pytest.mark.slow
async def test_visits_of_a_server_without_models_are_counted_and_forgotten() -> None:
    box = Box("box", ["-m", "tests.fakes.box", "serve", "--port", "0", "--no-browser"], FREE)
    samples = await measure(box, 5, lambda _: None)  # the last one is killed
    figures = samples.summary()
    assert samples.errors == []
    assert figures["visits"] == len(samples.visits) == 5
    # Too few visits for deltas of zero: pools of threads are still filled up.
    assert figures["against_fresh"]["threads"] < 20
    assert figures["against_fresh"]["descriptors"] < 40
