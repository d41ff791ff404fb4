"""The errors of the appliance: what happened, a stable code, and what to do next.

AgentError
  ConfigurationError          a setting, persona or provider name is wrong
  ConnectionError             something on the other side of a socket
    RoomError                 a LiveKit room or token
    ServerExited              livekit-server ended or never became ready
    WebhookError              an agent outside the box
  EngineError                 a model at work; codes out-of-memory, overloaded, inference-failed,
    STTError                  deadline-exceeded, cancelled
    LLMError
    TTSError
    AvatarError
  BundleError                 model files; codes not-found, checksum-mismatch, incompatible
  MediaError                  sound or pictures that cannot be read or written
"""

from __future__ import annotations

import builtins


class AgentError(Exception):
    """What happened (the message), a stable kebab-case `code`, and a `hint`: what to do next."""

    code = "agent-error"
    hint = ""

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint if hint is not None else type(self).hint

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]" + (f" {self.hint}" if self.hint else "")

    def as_dict(self) -> dict[str, str]:
        """The same three fields the API and `--json` show."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class ConfigurationError(AgentError):
    code = "configuration"
    hint = "run `appliance config` to see what is in force and where each value came from"


class ConnectionError(AgentError, builtins.ConnectionError):
    code = "connection"


class RoomError(ConnectionError):
    code = "room"


class ServerExited(ConnectionError):
    code = "server-exited"


class WebhookError(ConnectionError):
    code = "webhook"


class EngineError(AgentError):
    code = "inference-failed"


class STTError(EngineError):
    pass


class LLMError(EngineError):
    pass


class TTSError(EngineError):
    pass


class AvatarError(EngineError):
    pass


class BundleError(AgentError):
    code = "incompatible"
    hint = "run `appliance models fetch` to fetch the model files again"


class MediaError(AgentError):
    code = "media"
