"""What `talk` and `say` share: load the models once, run the chain, close everything."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from appliance.config import Config, load
from appliance.logs import configure

if TYPE_CHECKING:
    from appliance.offline import Chain, Film


def with_chain(args: argparse.Namespace, work: Callable[[Chain], Awaitable[Film]]) -> dict[str, Any]:
    """Run `work` on a warm chain and return the film's fields.

    Args:
        args: with `config`, `persona`, `avatar` and `net`, each may be None.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    config = load(args.config).config
    if args.persona:
        config = dataclasses.replace(config, session=dataclasses.replace(config.session, persona=args.persona))
    if args.avatar:
        config = dataclasses.replace(config, face=dataclasses.replace(config.face, avatar=args.avatar))
    if args.net:
        config = dataclasses.replace(config, face=dataclasses.replace(config.face, net=args.net))
    configure(dataclasses.replace(config.logs, level="WARNING"))
    return dataclasses.asdict(asyncio.run(_run(config, work)))


async def _run(config: Config, work: Callable[[Chain], Awaitable[Film]]) -> Film:
    from appliance.bundles.verify import files
    from appliance.context import Context, Engines
    from appliance.engine import SessionId
    from appliance.face import nets, packs
    from appliance.offline import Chain
    from appliance.personas.persona import load as load_persona
    from appliance.providers import warm_up

    if config.face.net:
        nets.find(config.face.net)  # what is not there is told before anything is loaded
    if config.face.avatar:
        packs.find(config.face.avatar)
    _progress("checking model files")
    paths = files(config.models.manifest)
    persona = load_persona(config.session.persona)
    engines = Engines()
    try:
        _progress("loading models")
        warm_up(config, engines, paths, persona)
        await engines.ready()
        chain = Chain(config, Context(engines, paths, persona, SessionId("offline")), _progress)
        try:
            return await work(chain)
        finally:
            await chain.aclose()
            _progress("")
    finally:
        await engines.close()


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
