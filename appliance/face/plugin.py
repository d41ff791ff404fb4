"""The avatar provider `wav2lip`: any net with Wav2Lip's contract behind one engine, and a face for each session."""

from __future__ import annotations

from typing import cast

from appliance.config import FaceConfig
from appliance.context import Context
from appliance.engine import Bridge, Limits
from appliance.errors import AvatarError, BundleError
from appliance.face import nets, packs
from appliance.face.generator import FaceGenerator
from appliance.face.renderer import FaceRenderer, RenderedFrame, RenderRequest

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
        engine = FaceRenderer(files["face"], files["avatar"], section)
        return Bridge(
            "face", engine, engine.render, limits=Limits(waiting=_SESSIONS, active=_SESSIONS), error=AvatarError
        )

    bridge = context.engines.get("face", build)
    return FaceGenerator(cast("FaceRenderer", bridge.engine), bridge, context, fps=section.fps)
