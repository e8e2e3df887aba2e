"""The image repository, and the host that images are pushed to."""

from __future__ import annotations

from spcs.account import sql
from spcs.doctor.model import Check, Finding, Ground, fail, ok
from spcs.image.registry import plain_url


def look(ground: Ground) -> Finding:
    flake = ground.settings.snowflake
    url = url_of(ground)
    if not url:
        name = f"{ground.schema}.{flake.image_repository}"
        return fail(
            f"there is no image repository {name}, or {flake.role} may neither read nor write it",
            ground.command("setup"),
        )
    return ok(f"{url} (an account's '_' is '-' there)" if ".snowflakecomputing." in url else url)


def url_of(ground: Ground) -> str:
    """As the account gives it, which is never to be put together by hand; empty where there is no repository."""
    name = ground.settings.snowflake.image_repository
    row = ground.find(sql.show_image_repositories(name, ground.schema), name)
    return plain_url(str(row["repository_url"])) if row else ""


CHECK = Check("repository", "account", "the image repository", look, needs=("role",))
