"""Logins without a password: a key pair, and programmatic access tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
from typing import Any

from local_account.catalog import Catalog, Object, Path
from local_account.errors import LoginError, SqlError

KEY, TOKENS = "RSA_PUBLIC_KEY", "TOKENS"
"""Properties of a user: the key as PEM without its first and last line; hash, role and end of each token by name."""
_DAY = 86400.0
_DEFAULT_DAYS = 15


def check_key(text: str) -> str:
    """A public key as it is kept. SqlError 2510 for what is no RSA key."""
    bare = "".join(line.strip() for line in text.splitlines() if "-----" not in line)
    try:
        _public_key(base64.b64decode(bare, validate=True))
    except (ValueError, binascii.Error) as error:
        raise SqlError(2510, "22023", "SQL compilation error:\nNew public key rejected by current policy.") from error
    return bare


def new_token(days: int | None) -> tuple[str, dict[str, Any]]:
    """A token, and what is kept of it."""
    text = secrets.token_urlsafe(48)
    return text, {"hash": _hash(text), "expires": time.time() + (days or _DEFAULT_DAYS) * _DAY}


def by_jwt(catalog: Catalog, account: str, token: str) -> str:
    """The user of a JWT that a connector signed with a private key. LoginError 390144 unless all of it is right."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        head, body, signature = token.split(".")
        said = json.loads(_decoded(body))
        user = str(said["sub"]).rpartition(".")[2]
        der = base64.b64decode(_user(catalog, user).properties[KEY])
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
        _public_key(der).verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        right = (f"{account}.{user}", f"{account}.{user}.SHA256:{fingerprint}", "RS256")
        given = (said["sub"], said["iss"], json.loads(_decoded(head))["alg"])
        if given == right and time.time() < float(said["exp"]):
            return user
    except (ValueError, LookupError, TypeError, SqlError, InvalidSignature):
        pass
    raise LoginError("390144", "JWT token is invalid.")


def by_token(catalog: Catalog, user: str, text: str) -> tuple[str, str]:
    """The user of a programmatic access token, and the role it is restricted to (or nothing). LoginError 394400
    unless it is one of this user (where the login names one) and has not expired."""
    for found in catalog.list("USER"):
        for kept in found.properties.get(TOKENS, {}).values():
            is_right = secrets.compare_digest(kept["hash"], _hash(text)) and kept["expires"] > time.time()
            if is_right and user.upper() in ("", found.name):
                return found.name, str(kept.get("role") or "")
    raise LoginError("394400", "Programmatic access token is invalid.")


def _user(catalog: Catalog, name: str) -> Object:
    return catalog.get("USER", Path("", "", name))


def _public_key(der: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
