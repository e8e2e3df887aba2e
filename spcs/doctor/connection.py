"""The connection's entry: that it is there, and that its file can be read by its owner alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spcs.account import resolve
from spcs.account.connections import place
from spcs.doctor.model import Check, Finding, Ground, ok


def look(ground: Ground) -> Finding:
    _ = ground.account
    setting = ground.settings.connection
    return ok(described(place(setting), resolve(setting, ground.root), is_local=ground.is_local))


def described(place: str, parameters: Mapping[str, Any], *, is_local: bool) -> str:
    if is_local:
        return f"the local account at http://{parameters['host']}:{parameters['port']}"
    return f"{place}: account {parameters.get('account', '?')}, by {way(parameters)}"


def way(parameters: Mapping[str, Any]) -> str:
    """How the connection logs in, in words."""
    authenticator = str(parameters.get("authenticator", "")).lower()
    if authenticator == "externalbrowser":
        return "single sign-on in the browser"
    if any(key in parameters for key in ("private_key_file", "private_key")) or authenticator == "snowflake_jwt":
        return "key pair"
    if authenticator in ("", "snowflake"):
        return "password"
    return authenticator.replace("_", " ")


CHECK = Check("connection", "account", "the entry of connections.toml or config.toml, and its file's mode", look)
