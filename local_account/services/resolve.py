"""Everything that Snowflake checks before it makes a job: the specification, and each object that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_account import catalog
from local_account.account import Account
from local_account.errors import SqlError, missing, unsupported
from local_account.objects import below
from local_account.parse.names import StagePath, stage_path
from local_account.parse.tokens import Tokens
from local_account.registry import Image, Store, find_image
from local_account.runtime.model import PROCESS_LABEL
from local_account.services.model import Resolved
from local_account.sessions import Session
from local_account.statements.access import VALUES
from local_account.statements.stages import locate
from spcs.spec import Family, Service, SpecError, check_fit, family, parse

IMAGE_NOT_FOUND = 397012
_INVALID = "22023"
_LABEL = re.compile(r"[A-Z]([A-Z0-9_]{0,61}[A-Z0-9])?")


@dataclass(frozen=True)
class ImageName:
    """An image as a specification names it; `reference` is a tag or a digest."""

    database: str
    schema: str
    repository: str
    name: str
    reference: str

    @property
    def registry_name(self) -> str:
        return "/".join((self.database, self.schema, self.repository, self.name)).lower()


def check_name(path: catalog.Path, quoted: bool) -> None:
    """Refuse names that cannot become a DNS label: jobs are found by their names on the network."""
    if quoted or not _LABEL.fullmatch(path.name):
        raise SqlError(
            395018,
            _INVALID,
            f"Invalid service name '{path.name}': it must be an unquoted identifier of at most 63 letters, digits and"
            " underscores that begins with a letter and ends with a letter or digit.",
        )


def read_spec(text: str, pool_family: str) -> tuple[Service, Family]:
    """Parse a specification and set it against the pool's instance family; SqlError as Snowflake words it."""
    found = family(pool_family)
    if found is None:
        raise SqlError(395018, _INVALID, f"Invalid instance family '{pool_family}'.")
    try:
        spec = parse(text)
        check_fit(spec, found)
    except SpecError as error:
        hint = f" {error.hint}" if error.hint else ""
        raise SqlError(error.code, _INVALID, f"{error.message}{hint}") from error
    _refuse_unsupported(spec)
    return spec, found


def resolve(account: Account, session: Session, store: Store, spec: Service, node: Family, process: bool) -> Resolved:
    """Look up every image, stage and secret of a specification; SqlError for the first that is not there or cannot
    be used."""
    images: dict[str, tuple[str, str]] = {}
    for container in spec.containers:
        name = image_name(container.image, account.registry_host, session)
        found = _image(account, store, name, node)
        _check_kind(container.image, found, process)
        written = (container.sha256 or "").removeprefix("@")
        if written and written not in (found.digest, found.manifest_digest):
            raise _no_image(f"{container.image} has digest {found.digest}, the specification says {written}")
        images[container.image] = (name.registry_name, found.digest)
    stages = {
        volume.name: str(_stage_folder(account, session, volume.stage.text))
        for volume in spec.volumes
        if volume.source == "stage" and volume.stage is not None
    }
    return Resolved(images, stages, _secrets(account, session, spec))


def image_name(written: str, registry_host: str, session: Session) -> ImageName:
    """Read `/db/schema/repo/name:tag`, `host/db/schema/repo/name:tag` or `repo/name:tag`; without a tag, `latest`."""
    path, digest = written.split("@", 1) if "@" in written else (written, "")
    host, _, rest = path.partition("/")
    if host == "" or host == registry_host or "." in host or ":" in host:
        path = rest
    last = path.rpartition("/")[2]
    path, tag = path.rsplit(":", 1) if ":" in last else (path, "latest")
    parts = path.split("/")
    if len(parts) == 2:
        parts = [session.need_database(), session.need_schema(), *parts]
    if len(parts) < 4 or not all(parts):
        raise SqlError(
            395018,
            _INVALID,
            f"Invalid spec: invalid value '{written}' for 'image'. Provided image name uses an invalid format: it must"
            " be /<database>/<schema>/<repository>/<image>:<tag>.",
        )
    database, schema, repository, *names = parts
    return ImageName(database.upper(), schema.upper(), repository.upper(), "/".join(names), digest or tag)


def _image(account: Account, store: Store, name: ImageName, node: Family) -> Image:
    repository = catalog.Path(name.database, name.schema, name.repository)
    if account.catalog.find("IMAGE REPOSITORY", repository) is None:
        raise missing("Image repository", str(repository))
    found = find_image(store, name.registry_name, name.reference, node.architecture)
    if found is None:
        tags = ", ".join(store.tags(name.registry_name)) or "none"
        raise _no_image(f"image manifest not found for {name.registry_name}:{name.reference} (tags there: {tags})")
    if found.architecture != node.architecture:
        raise SqlError(
            395018,
            _INVALID,
            f"Failed to retrieve image: SPCS only supports image for {node.architecture} architecture. Please rebuild"
            f" your image with '--platform linux/{node.architecture}' option.",
        )
    return found


def _no_image(detail: str) -> SqlError:
    return SqlError(IMAGE_NOT_FOUND, _INVALID, f"Failed to retrieve image: {detail}.")


def _check_kind(written: str, image: Image, process: bool) -> None:
    """An image for processes has no operating system in it, and one for containers needs its own."""
    label, value = PROCESS_LABEL
    if process and image.labels.get(label) != value:
        raise _no_image(
            f"{written} was built for a container engine, and this account has none. Build and push it again here"
        )
    if not process and image.labels.get(label) == value:
        raise _no_image(f"{written} was built without a container engine. Build and push it again with the engine here")


def _stage_folder(account: Account, session: Session, text: str) -> Path:
    try:
        written: StagePath = stage_path(text.removeprefix("@"))
    except ValueError as error:
        raise SqlError(395018, _INVALID, f"Invalid spec: '{text}' is not a stage.") from error
    stage, key = locate(account, session, written)
    return below(account.stages.folder(stage), key)


def _secrets(account: Account, session: Session, spec: Service) -> dict[str, str]:
    """The full name of each secret, by its name as written."""
    found: dict[str, str] = {}
    for secret in (secret for container in spec.containers for secret in container.secrets):
        written = secret.snowflake_secret.object_name or ""
        path = session.qualify(Tokens.of(written).name())
        holds = account.catalog.get("SECRET", path).properties["TYPE"]
        if secret.secret_key_ref and secret.secret_key_ref.upper() not in VALUES[str(holds).upper()]:
            text = f"Invalid spec: invalid value '{secret.secret_key_ref}' for 'secretKeyRef': {path} is {holds}."
            raise SqlError(395018, _INVALID, text)
        found[written] = str(path)
    return found


def _refuse_unsupported(spec: Service) -> None:
    """Refuse what would otherwise be silently left out of the job."""
    for container in spec.containers:
        if any(secret.snowflake_secret.object_reference for secret in container.secrets):
            raise unsupported("snowflakeSecret.objectReference")
        if container.session_token_config and container.session_token_config.mount_connection_config:
            raise unsupported("sessionTokenConfig.mountConnectionConfig")
    for volume in spec.volumes:
        if volume.block_config and volume.block_config.initial_contents:
            raise unsupported("blockConfig.initialContents.fromSnapshot")


def digests(resolved: Resolved) -> Mapping[str, str]:
    """Return the digests by image as written, as the echo of a specification wants them."""
    return {written: digest for written, (_, digest) in resolved.images.items()}
