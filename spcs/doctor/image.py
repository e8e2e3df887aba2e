"""The job's image, in the repository under the tag that the files and pins have now."""

from __future__ import annotations

from spcs.account import sql
from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.image import read


def look(ground: Ground) -> Finding:
    path = ground.image()
    repository = f"{ground.schema}.{ground.settings.snowflake.image_repository}"
    rows = ground.account.query(sql.show_images(repository))
    there = next((str(row["digest"]) for row in rows if f"/{row['image_path']}".lower() == path), "")
    receipt = read(ground.receipts, ground.name)
    pushed = receipt.digest if receipt and receipt.ref.endswith(path) else ""
    return judge(ground.name, path, there, pushed, ground.command("build push"))


def judge(job: str, path: str, there: str, pushed: str, command: str) -> Finding:
    """`there` is the digest that the repository has for `path`, `pushed` the one of this folder's last push."""
    if not there:
        return fail(
            f"the image of job '{job}' is not in the repository: with the files as they are it is {path}", command
        )
    if pushed and pushed != there:
        return warn(
            f"{path} is {there[:19]}… in the repository, and was {pushed[:19]}… when it was pushed from here",
            "look who else pushes under that tag: inv images",
        )
    return ok(f"{path} is there, {there[:19]}…" + (" as pushed" if pushed else ", pushed from elsewhere"))


CHECK = Check(
    "image", "account", "the job's image in the repository", look, needs=("repository", "templates", "engine")
)
