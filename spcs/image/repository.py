"""The registry's side of one image: asked with the login at hand, and with a fresh one where that has run out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeVar

from spcs.image.commands import Say
from spcs.image.credentials import USER, Credentials, Folder
from spcs.image.registry import Reference, Registry, RegistryRefusal
from spcs.image.retries import ONCE, Retries

T = TypeVar("T")
Token = Callable[[], str]
"""Gives the registry's password, the session token's JSON text; called only when a login is needed."""


class Repository:
    """Where the image `ref` goes. Without a `token` no login is made. Every method raises RegistryRefusal."""

    def __init__(
        self, ref: str, logins: Folder, token: Token | None, *, retries: Retries = ONCE, say: Say = lambda _: None
    ) -> None:
        self.target = Reference.parse(ref)
        self.missed = 0.0
        """When it said that it has no such image, in seconds since 1970."""
        self._logins, self._token = logins, token
        self._retries, self._say = retries, say
        self._registry = self._open(logins.load(self.target.host))

    def digest(self) -> str | None:
        """The digest of the image's tag, None if there is none.

        A registry that lets a fresh login push, but not look, is no reason to stop, and neither is an old login where
        there is no way to a fresh one: then, too, the answer is None.
        """
        try:
            digest = self._ask(lambda registry: registry.digest(self.target.repository, self.target.tag))
            self.missed = 0.0 if digest else time.time()
            return digest
        except RegistryRefusal as refusal:
            if refusal.status in (401, 403):
                return None
            raise

    def has(self, repository: str, digest: str) -> bool:
        """Does the registry hold that manifest in another repository, as far as it says?"""
        try:
            return self._ask(lambda registry: registry.digest(repository, digest)) is not None
        except RegistryRefusal as refusal:
            if refusal.status in (401, 403):
                return False
            raise

    def take_over(self, repository: str, digest: str) -> bool:
        """Give the image of another repository this tag, sharing its blobs; False if the registry does not do that."""
        found = self._ask(lambda registry: registry.manifest(repository, digest))
        if found is None:
            return False
        media_type, manifest = found
        blobs = _blobs(manifest)
        if not blobs or not all(self._shares(repository, blob) for blob in blobs):
            return False
        target = self.target
        self._ask(lambda registry: registry.put_manifest(target.repository, target.tag, manifest, media_type))
        return True

    @property
    def can_ask(self) -> bool:
        """Is there a login, or a way to get one?"""
        return self._token is not None or self._registry.credentials is not None

    def login(self) -> Credentials:
        """A fresh login, used from now on; who has seen the registry accept it keeps it in the private folder."""
        assert self._token
        credentials = Credentials(USER, self._token())
        self._registry = self._open(credentials)
        return credentials

    def _open(self, credentials: Credentials | None) -> Registry:
        return Registry(self.target.host, credentials, retries=self._retries, say=self._say)

    def _ask(self, question: Callable[[Registry], T]) -> T:
        try:
            return question(self._registry)
        except RegistryRefusal as refusal:
            if refusal.status != 401 or self._token is None:
                raise
        credentials = self.login()
        answer = question(self._registry)
        self._logins.save(self.target.host, credentials)
        return answer

    def _shares(self, repository: str, digest: str) -> bool:
        if repository == self.target.repository:
            return True
        return self._ask(lambda registry: registry.mount_blob(self.target.repository, digest, repository))


def _blobs(manifest: bytes) -> list[str]:
    """The digests of what an image's manifest names; none for an index, which names manifests."""
    values = json.loads(manifest)
    parts = [*values.get("layers", []), *([values["config"]] if "config" in values else [])]
    return [str(part["digest"]) for part in parts]
