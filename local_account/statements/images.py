"""Image repositories and the images in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from local_account.account import Account
from local_account.catalog import Object, Path
from local_account.parse.images import CreateRepository, DropRepository, ShowImages, ShowRepositories
from local_account.registry import repository_path
from local_account.sessions import Session
from local_account.statements.result import Column, Result, rows, status, timestamp
from local_account.statements.services import compute
from local_account.statements.show import moment, narrowed, place

KIND = "IMAGE REPOSITORY"


def create(account: Account, session: Session, wanted: CreateRepository) -> Result:
    path = session.qualify(wanted.name)
    account.catalog.get("SCHEMA", Path(path.database, "", path.schema))
    properties = {key.lower(): value for key, value in wanted.properties.items()}
    comment = str(properties.pop("comment", None) or "")
    there = account.catalog.find(KIND, path) is not None
    made = account.catalog.create(
        KIND,
        path,
        session.role,
        properties,
        or_replace=wanted.or_replace,
        if_not_exists=wanted.if_not_exists,
        comment=comment,
    )
    if not made:
        return status(f"{path.name} already exists, statement succeeded.")
    if there:
        compute(account).registry.store.drop(repository_path(path))
    account.grants.add("OWNERSHIP", KIND, str(path), "ROLE", session.role, session.role, option=True)
    return status(f"Image Repository {path.name} successfully created.")


def drop(account: Account, session: Session, wanted: DropRepository) -> Result:
    path = session.qualify(wanted.name)
    if not account.catalog.drop(KIND, path, if_exists=wanted.if_exists):
        return status("Drop statement executed successfully (object already dropped).")
    compute(account).registry.store.drop(repository_path(path))
    account.grants.forget(KIND, str(path))
    return status(f"{path.name} successfully dropped.")


_REPOSITORY_COLUMNS: list[Column | str] = [
    timestamp("created_on"),
    *("name", "database_name", "schema_name", "repository_url", "owner", "owner_role_type", "comment", "encryption"),
]


def show_repositories(account: Account, session: Session, wanted: ShowRepositories) -> Result:
    found = account.catalog.list(KIND, *place(account, session, wanted.scope))
    return rows(_REPOSITORY_COLUMNS, narrowed([(r.name, _repository(account, r)) for r in found], wanted.scope))


def _repository(account: Account, found: Object) -> tuple[Any, ...]:
    encryption = found.properties.get("encryption") or {}
    path = found.path
    return (
        *(moment(found.created_on), path.name, path.database, path.schema),
        f"{account.registry_host}/{repository_path(path)}",
        *(found.owner, "ROLE", found.comment or None, encryption.get("TYPE", "SNOWFLAKE_FULL")),
    )


_IMAGE_COLUMNS: list[Column | str] = [timestamp("created_on"), "image_name", "tags", "digest", "image_path"]


def show_images(account: Account, session: Session, wanted: ShowImages) -> Result:
    assert wanted.scope.name is not None
    path = account.catalog.get(KIND, session.qualify(wanted.scope.name)).path
    repository = repository_path(path)
    listed: list[tuple[str, Sequence[Any]]] = [
        (image, (moment(pushed), image, tag, digest, f"{repository}/{image}:{tag}"))
        for image, tag, digest, pushed in compute(account).registry.store.tagged(repository)
    ]
    return rows(_IMAGE_COLUMNS, narrowed(listed, wanted.scope))


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    CreateRepository: create,
    DropRepository: drop,
    ShowRepositories: show_repositories,
    ShowImages: show_images,
}
