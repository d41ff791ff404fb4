"""`appliance serve` with fake visits and no models, as a process of its own: python -m tests.fakes.box serve --port 0.

BOX_LOADS_S makes its one engine load for so long; BOX_PANICS makes it do after the start what LiveKit's native library
does when it gives up.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from appliance import daemon
from appliance.cli.main import main
from appliance.config import Config
from appliance.context import Engines
from appliance.engine import Bridge
from appliance.personas.persona import Persona, load
from tests.fakes.visit import FakeVisit


class Engine:
    def load(self) -> None:
        time.sleep(float(os.environ.get("BOX_LOADS_S", "0")))

    def warm_up(self) -> None: ...

    def close(self) -> None: ...

    def work(self, request: object) -> Iterator[object]:
        yield request


def warm_up(config: Config, engines: Engines, files: Mapping[str, Path], persona: Persona) -> None:
    engine = Engine()
    engines.get("ears", lambda: Bridge("ears", engine, engine.work))
    if os.environ.get("BOX_PANICS"):
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()


if __name__ == "__main__":
    daemon._real_parts = lambda: daemon.Parts(load, lambda _: {}, warm_up, lambda *_: FakeVisit())
    sys.exit(main())
