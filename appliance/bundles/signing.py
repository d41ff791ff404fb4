"""Bytes in, who signed them out: Ed25519 keys, one of this box, and those of others that its owner trusts.

A signature is a small JSON file beside what it signs. A key is known by its fingerprint, which people can compare.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from pathlib import Path
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from appliance.bundles.manifest import state
from appliance.errors import BundleError

_KEY, _TRUSTED = "key.pem", "trusted"
_DIGITS = 32
"""Of a fingerprint, 128 bits."""


def folder() -> Path:
    """Where this box's key and the fingerprints of trusted ones lie."""
    return state() / "signing"


def own() -> str:
    """The fingerprint of this box's key; the key is made when it is first asked for.

    Raises:
        BundleError: code key-unusable.
    """
    return fingerprint(_own_key().public_key())


def sign(data: bytes) -> bytes:
    """The signature file of some bytes, by this box's key.

    Raises:
        BundleError: code key-unusable.
    """
    key = _own_key()
    told = {
        "algorithm": "ed25519",
        "key": base64.b64encode(_raw(key.public_key())).decode(),
        "signature": base64.b64encode(key.sign(data)).decode(),
    }
    return (json.dumps(told, indent=1) + "\n").encode()


def signer(data: bytes, signature: bytes) -> str:
    """The fingerprint of the key by which a signature file signs these bytes.

    Raises:
        ValueError: it does not sign them, or is no signature.
    """
    told = cast("dict[str, str]", json.loads(signature))
    try:
        if told["algorithm"] != "ed25519":
            raise ValueError("another algorithm")
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(told["key"], validate=True))
        key.verify(base64.b64decode(told["signature"], validate=True), data)
    except (KeyError, TypeError, AttributeError, binascii.Error, InvalidSignature) as error:
        raise ValueError("the signature does not fit") from error
    return fingerprint(key)


def fingerprint(key: Ed25519PublicKey) -> str:
    """Eight groups of four hexadecimal digits."""
    digits = hashlib.sha256(_raw(key)).hexdigest()[:_DIGITS]
    return "-".join(digits[at : at + 4] for at in range(0, _DIGITS, 4))


def is_own(who: str) -> bool:
    """Whether a fingerprint is that of this box's key, if it has one."""
    return (folder() / _KEY).exists() and who == own()


def trusted(who: str) -> bool:
    """Whether a fingerprint is this box's own, or of a key that its owner trusts."""
    return is_own(who) or who in _known()


def trust(who: str) -> None:
    """Trust a key from now on."""
    if not trusted(who):
        path = folder() / _TRUSTED
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in [*_known(), who]))


def _known() -> list[str]:
    path = folder() / _TRUSTED
    return path.read_text().split() if path.exists() else []


def _own_key() -> Ed25519PrivateKey:
    path = folder() / _KEY
    try:
        if path.exists():
            key = load_pem_private_key(path.read_bytes(), None)
            if isinstance(key, Ed25519PrivateKey):
                return key
            raise ValueError("another kind of key")
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made
    except (OSError, ValueError, TypeError) as error:
        message = f"this box's signing key {path} cannot be used: {error}"
        raise BundleError(message, code="key-unusable", hint="put it back from a backup, or move it away") from error


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
