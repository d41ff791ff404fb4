"""The avatar provider `wav2lip`: any net with Wav2Lip's contract behind one engine, and a face for each session."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from appliance.config import FaceConfig
from appliance.context import Context
from appliance.engine import Bridge, Limits
from appliance.errors import AvatarError, BundleError
from appliance.face import nets, packs
from appliance.face.generator import FaceGenerator
from appliance.face.listener import Listener, knows
from appliance.face.renderer import FaceRenderer, RenderedFrame, RenderRequest

logger = logging.getLogger(__name__)

_SESSIONS = 64
"""Requests drawn in the same round; each session has one under way."""


def create(section: FaceConfig, context: Context) -> FaceGenerator:
    """The face of one session, drawn by the engine that all sessions share.

    Raises:
        AvatarError: code not-found, no avatar or net of the name in the settings is installed.
        BundleError: code not-found, the bundle has no face net or no avatar.
    """
    files = dict(context.files)
    if section.avatar:
        files["avatar"] = packs.find(section.avatar)
    if section.net:
        files["face"] = nets.find(section.net)
    for role in ("face", "avatar"):
        if role not in files:
            raise BundleError(f"the bundle has no model for the role {role}", code="not-found")

    def build() -> Bridge[RenderRequest, tuple[RenderedFrame, ...]]:
        engine = FaceRenderer(
            files["face"], files["avatar"], section, listener=listener(files, threads=section.threads)
        )
        return Bridge(
            "face", engine, engine.render, limits=Limits(waiting=_SESSIONS, active=_SESSIONS), error=AvatarError
        )

    bridge = context.engines.get("face", build)
    return FaceGenerator(cast("FaceRenderer", bridge.engine), bridge, context, fps=section.fps)


def listener(files: Mapping[str, Path], *, threads: int) -> Listener | None:
    """What hears voices that do not tell their phonemes; None where the bundle has no such net, or not its Whisper.

    Raises:
        AvatarError: the net cannot be read.
    """
    if "listener" not in files or "ears" not in files:
        return None
    if not knows(files["listener"], files["ears"]):
        logger.info("the face hears for itself: its listener learned with another Whisper")
        return None
    return Listener(files["listener"], files["ears"], threads=threads)
