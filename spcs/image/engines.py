"""The border to what makes and sends images: the engine, what it is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from spcs.image.commands import Say
from spcs.image.credentials import Credentials
from spcs.image.inputs import ImagePlan, Kind
from spcs.image.progress import Watch
from spcs.image.retries import Failing

#: The label of every image made here: the hash of its inputs.
INPUTS_LABEL: Final = "spcs.inputs"
#: The command that frees what images made here take: they all have names, so without --all none of them would go. The
#: second half is for the layers that BuildKit keeps of its own; podman takes it for the layers without a name.
MAKE_ROOM: Final = f"{{engine}} image prune --all --filter label={INPUTS_LABEL} && {{engine}} builder prune"
#: How images for another kind of processor than this machine's are made.
EMULATE: Final = (
    "{engine} run --privileged --rm docker.io/tonistiigi/binfmt --install {architecture}, "
    "or inv build push --engine wheels"
)


@dataclass(frozen=True)
class Build:
    """One image to make: its plan, its full name, the folder to stage it in, words for the builder, extra labels."""

    plan: ImagePlan
    ref: str
    context: Path
    options: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True)
class Pushed:
    """What a push did: the digest if the engine knows it, and what was sent, in words (empty if unknown)."""

    digest: str | None
    sent: str


@dataclass(frozen=True)
class LocalImage:
    """One image of this machine: its full name, its id, its size and age as the engine words them."""

    ref: str
    image_id: str
    size: str
    created: str


class EngineFailed(Failing):
    """A build, login or push went wrong; `detail` are the engine's last lines, `shown` tells that the user has just
    seen all there were, `passes` that the same may go well in a while. `spcs.image.failures` explains them."""

    def __init__(self, detail: str, unauthorised: bool = False, shown: bool = False, passes: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.unauthorised = unauthorised
        self.shown = shown
        self.passes = passes


class Engine(Protocol):
    """The border to a container engine. Names are full: `host/db/schema/repository/name:tag`.

    `reason` says in one line which engine this is and why. `build`, `login` and `push` raise EngineFailed; everything
    they would run is what `commands_to_…` returns, a list of argument lists (empty where no command is run).
    """

    kind: Kind

    @property
    def name(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def builder(self) -> str: ...
    def find(self, ref: str) -> str | None:
        """The id of the image, None if this machine has none of that name."""

    def find_alike(self, inputs: str) -> tuple[str, str] | None:
        """The id and the full name of an image of these inputs (its label `spcs.inputs`), whatever it is called."""

    def tag(self, other: str, ref: str) -> None:
        """Give the image `other` the name `ref`, too; raises EngineFailed."""

    def commands_to_build(self, build: Build) -> list[list[str]]: ...
    def build(self, build: Build, say: Say) -> str:
        """Make the image and return its id."""

    def commands_to_push(self, ref: str) -> list[list[str]]: ...
    def push(self, ref: str, say: Say, watch: Watch) -> Pushed:
        """Send what the registry lacks of the image; `watch` hears how far each layer is."""

    def login(self, host: str, credentials: Credentials) -> None:
        """Have the registry accept the login, and keep it in the private folder."""

    def images(self, repository: str) -> list[LocalImage]:
        """The images of `repository` (`host/db/schema/repository/name`, no tag), newest first; raises NotReady."""


@dataclass(frozen=True)
class Client:
    """A container client that answered: its program, whose commands it speaks, and the versions at both ends."""

    program: str
    dialect: Literal["docker", "podman"]
    version: str
    engine_version: str
