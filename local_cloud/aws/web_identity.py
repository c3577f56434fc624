"""Tokens of identity providers, for example of GitHub. The emulator signs the tokens with its secret.

A real provider signs with its private key. Without a signature, every user of the machine could make a token
and assume a role of the emulator.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from local_cloud.aws.common import Body


def token(claims: Body, secret: str) -> str:
    """Return a token with these claims. `secret` signs the token; the emulator must know this secret."""
    text = f"{_encoded(json.dumps({'alg': 'HS256'}).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{text}.{_signature(text, secret)}"


def claims_of(token: str, secret: str) -> Body | None:
    """Return the claims of a token, or None if the signature is wrong or the token is not valid."""
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(text, secret).encode()):
        return None
    body = text.partition(".")[2]
    try:
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _signature(text: str, secret: str) -> str:
    return _encoded(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
