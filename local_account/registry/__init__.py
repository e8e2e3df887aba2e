"""The account's image registry: the OCI distribution protocol over files under the state root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_account.registry.manifests import Image, find_image
from local_account.registry.routes import Registry
from local_account.registry.store import Store

if TYPE_CHECKING:
    from local_account.account import Account
    from local_account.catalog import Path

__all__ = ["Image", "Registry", "Store", "find_image", "open_registry", "repository_path"]


def repository_path(path: Path) -> str:
    """Return an image repository as the registry names it."""
    return "/".join((path.database, path.schema, path.name)).lower()


class AccountGate:
    """The registry's view of the account: its logins and its IMAGE REPOSITORY objects."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def admits(self, authorization: str) -> bool:
        return self._account.registry_user(authorization) is not None

    def has_repository(self, database: str, schema: str, name: str) -> bool:
        from local_account.catalog import Path

        return (
            self._account.catalog.find("IMAGE REPOSITORY", Path(*(part.upper() for part in (database, schema, name))))
            is not None
        )


def open_registry(account: Account) -> Registry:
    """Return the registry of an account."""
    return Registry(Store(account.root.registry), AccountGate(account))
