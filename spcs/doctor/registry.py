"""Whether the registry takes the token of the session; nothing is kept of it."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, NotChecked, ok, told
from spcs.doctor.repository import url_of
from spcs.image import failures
from spcs.image.credentials import USER, Credentials
from spcs.image.registry import Registry, RegistryRefusal


def look(ground: Ground) -> Finding:
    host = url_of(ground).partition("/")[0]
    if not host:
        raise NotChecked("the repository is gone")
    token = ground.account.registry_token(outlives=False).reveal()
    try:
        Registry(host, Credentials(USER, token)).check()
    except RegistryRefusal as refusal:
        return told(failures.of_login(host, str(refusal)))
    return ok(f"{host} takes the token of the session")


CHECK = Check(
    "registry",
    "account",
    "GET /v2/ of the registry with a token of the session",
    look,
    needs=("repository",),
    late="check network, proxy and firewall: docker and inv need the registry's port 443",
)
