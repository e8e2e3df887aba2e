"""Whether the account lets this connection in, and as whom."""

from __future__ import annotations

from spcs.account import resolve, sql
from spcs.doctor.model import SECONDS, Check, Finding, Ground, ok, warn
from spcs.errors import Problem

WAITING = ("externalbrowser", "username_password_mfa", "oauth_authorization_code")
FOR_A_PERSON = 120.0


def look(ground: Ground) -> Finding:
    rows = ground.account.query(sql.current_session())
    if not rows:
        return warn("the account does not say who is logged in")
    return ok(f"logged in as {rows[0]['user_name']}, role {rows[0]['role_name'] or 'none'}")


def patience(ground: Ground) -> float:
    """Some ways to log in wait for a person at the browser or telephone."""
    try:
        parameters = resolve(ground.settings.connection, ground.root)
    except Problem:
        return SECONDS
    return FOR_A_PERSON if str(parameters.get("authenticator", "")).lower() in WAITING else SECONDS


CHECK = Check(
    "login",
    "account",
    "who the session is",
    look,
    needs=("connection",),
    seconds=patience,
    late="check account (or host) of the connection, and the network or proxy",
)
