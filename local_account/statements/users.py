"""ALTER USER: how the user may log in besides its password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_account import logins
from local_account.account import Account
from local_account.catalog import Object, Path
from local_account.errors import exists, missing
from local_account.parse.names import Name
from local_account.parse.users import AddToken, AlterUser, RemoveToken
from local_account.sessions import Session
from local_account.statements.result import Result, rows, status


def alter(account: Account, session: Session, wanted: AlterUser) -> Result:
    properties = dict(wanted.properties)
    comment = str(properties.pop("COMMENT") or "") if "COMMENT" in properties else None
    key = properties.get(logins.KEY)
    if key is not None:
        properties[logins.KEY] = logins.check_key(str(key))
    account.catalog.update(_user(account, session, wanted.name), properties=properties, comment=comment)
    return status("Statement executed successfully.")


def add_token(account: Account, session: Session, wanted: AddToken) -> Result:
    user = _user(account, session, wanted.user)
    held = dict(user.properties.get(logins.TOKENS, {}))
    if wanted.token in held:
        raise exists("Programmatic access token", wanted.token)
    role = str(wanted.properties.get("ROLE_RESTRICTION") or "").upper()
    if role:
        account.catalog.get("ROLE", Path("", "", role))
    days = wanted.properties.get("DAYS_TO_EXPIRY")
    text, kept = logins.new_token(int(days) if isinstance(days, int) else None)
    account.catalog.update(user, properties={logins.TOKENS: {**held, wanted.token: {**kept, "role": role}}})
    return rows(("token_name", "token_secret"), [(wanted.token, text)])


def remove_token(account: Account, session: Session, wanted: RemoveToken) -> Result:
    user = _user(account, session, wanted.user)
    held = dict(user.properties.get(logins.TOKENS, {}))
    if held.pop(wanted.token, None) is None:
        raise missing("Programmatic access token", wanted.token)
    account.catalog.update(user, properties={logins.TOKENS: held})
    return status(f"Token {wanted.token} removed.")


def _user(account: Account, session: Session, name: Name | None) -> Object:
    return account.catalog.get("USER", Path("", "", name.last if name else session.user))


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    AlterUser: alter,
    AddToken: add_token,
    RemoveToken: remove_token,
}
