"""CREATE, DROP and SHOW of image repositories, and SHOW IMAGES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.show import Scope, scope
from local_account.parse.tokens import Tokens, Value


@dataclass(frozen=True)
class CreateRepository:
    name: Name
    or_replace: bool
    if_not_exists: bool
    properties: dict[str, Value]


@dataclass(frozen=True)
class DropRepository:
    name: Name
    if_exists: bool


@dataclass(frozen=True)
class ShowRepositories:
    scope: Scope


@dataclass(frozen=True)
class ShowImages:
    """`scope.name` is the image repository."""

    scope: Scope


def _create(tokens: Tokens) -> CreateRepository:
    if_not_exists = tokens.if_not_exists()
    name = tokens.name()
    return CreateRepository(name, tokens.or_replace, if_not_exists, tokens.properties("ENCRYPTION", "COMMENT", "TAG"))


def _drop(tokens: Tokens) -> DropRepository:
    if_exists = tokens.if_exists()
    return DropRepository(tokens.name(), if_exists)


def _images(tokens: Tokens) -> ShowImages:
    found = scope(tokens)
    if found.name is None:
        raise tokens.error()
    return ShowImages(found)


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("CREATE", "IMAGE", "REPOSITORY"): _create,
    ("DROP", "IMAGE", "REPOSITORY"): _drop,
    ("SHOW", "IMAGE", "REPOSITORIES"): lambda tokens: ShowRepositories(scope(tokens)),
    ("SHOW", "IMAGES"): _images,
}
