"""The six answers to "what is there already?", and a push over a line that drops, without a container engine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs.errors import BuildFailed, NotReady
from spcs.image import Engine, Receipt, build, detect, push, receipts
from spcs.image.credentials import Credentials
from spcs.image.progress import Layer
from spcs.image.registry import Registry
from spcs.image.retries import Retries
from tests.faults import Fault, line_to
from tests.images import Served, make_plan, registry, write_code

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the server


class Desk:
    """A project folder with no engine; `name` is that of its image, `host` where it is pushed to."""

    def __init__(self, root: Path, state: Path, served: Served) -> None:
        self.root, self.state, self.served = root, state, served
        self.name, self.host = "training", served.host
        self.said: list[str] = []
        self.slept: list[float] = []
        self.heard: list[Layer] = []

    @property
    def engine(self) -> Engine:
        return detect("none", self.state, local_account=True)

    def build(self, *, asks: bool = True) -> Receipt:
        plan = make_plan(self.root, repository_url=f"{self.host}/db/schema/images", name=self.name)
        token = self.served.door.token if asks else None
        return build(plan, self.engine, job="train", state=self.state, token=token, say=self.said.append)

    def push(self) -> Receipt:
        return push(
            make_plan(self.root, repository_url=f"{self.host}/db/schema/images", name=self.name),
            self.engine,
            job="train",
            state=self.state,
            token=self.served.door.token,
            say=self.said.append,
            watch=self.heard.append,
            retries=Retries(3, sleep=self.slept.append),
        )

    def there(self, name: str, receipt: Receipt) -> str | None:
        login = Credentials("0sessiontoken", self.served.door.token())
        return Registry(self.served.host, login).digest(f"db/schema/images/{name}", receipt.tag)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture
def desk(tmp_path: Path, served: Served) -> Desk:
    write_code(tmp_path / "project")
    # Every test has code of its own, so that no test finds another's image in the registry.
    (tmp_path / "project" / "app" / "name.txt").write_text(str(tmp_path))
    served.seen.clear()
    return Desk(tmp_path / "project", tmp_path / "project" / ".spcs", served)


def looks(served: Served) -> list[str]:
    return [request for request in served.seen if request.startswith("HEAD") and "/manifests/" in request]


def sent(served: Served) -> list[str]:
    return [request for request in served.seen if request.startswith("PUT") and "/blobs/" in request]


def test_found_on_another_machine_it_is_not_built_on_this_one(desk: Desk, served: Served, tmp_path: Path) -> None:
    desk.build()
    first = desk.push()
    clone = Desk(desk.root, tmp_path / "clone", served)

    built, pushed = clone.build(), clone.push()

    assert built.outcome == f"already there: {first.ref} ({first.digest[:19]}…), so it is not built here"
    assert (built.digest, built.changed) == (first.digest, False)
    assert clone.engine.find(first.ref) is None
    assert pushed.outcome.startswith("already there: ")


def test_found_here_costs_no_request(desk: Desk, served: Served) -> None:
    first = desk.build()
    served.seen.clear()
    assert desk.build().outcome == f"found training:{first.tag} (unchanged)"
    assert served.seen == []


def test_needs_local_tag_where_the_same_inputs_have_another_name(desk: Desk) -> None:
    first = desk.build()
    desk.name = "other"
    tagged = desk.build()
    assert tagged.outcome == f"found other:{first.tag} as {first.ref}, and gave it this name too"
    assert tagged.image_id == first.image_id == desk.engine.find(first.ref) == desk.engine.find(tagged.ref)
    assert desk.build().outcome.startswith("found other:")


def test_needs_remote_tag_where_the_registry_has_the_same_inputs(desk: Desk, served: Served) -> None:
    desk.build()
    first = desk.push()
    desk.name = "other"
    desk.build()
    served.seen.clear()

    named = desk.push()

    assert named.outcome == (
        f"named {named.ref} in the registry, which has it as db/schema/images/training: nothing was sent"
    )
    assert named.digest == first.digest == desk.there("other", named)
    assert sent(served) == []


def test_registry_that_shares_nothing_is_sent_it(desk: Desk) -> None:
    desk.build()
    desk.push()
    with line_to(desk.served.host) as line:
        line.faults = [Fault("POST", "mount=", times=9, status=403)]
        desk.host = line.host
        # As if it had been the same registry: the receipt of the first push names the host.
        receipt = desk.state / "images" / "train.json"
        receipt.write_text(receipt.read_text().replace(desk.served.host, line.host))
        desk.name = "another"
        desk.build()
        pushed = desk.push()
    assert pushed.outcome.startswith("pushed another:")
    assert line.met


def test_needs_push_and_each_layer_is_heard_of(desk: Desk) -> None:
    desk.build()
    assert desk.push().outcome.startswith("pushed training:")
    assert [layer.state for layer in desk.heard] == ["sending", "sent"]
    assert desk.heard[-1].done == desk.heard[-1].total > 0


def test_push_right_after_a_build_does_not_ask_what_that_was_told(
    desk: Desk, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "FRESH", 3600)  # however busy this machine is
    desk.build(), desk.push()  # logs in
    (desk.root / "app" / "name.txt").write_text(f"{desk.root} edited")
    served.seen.clear()
    built, pushed = desk.build(), desk.push()
    assert len(looks(served)) == 1
    assert pushed.outcome.startswith("pushed training:")
    assert pushed.digest == desk.there("training", built)
    assert desk.push().outcome.startswith("already there: ")


def test_what_was_told_a_while_ago_is_asked_anew(desk: Desk, served: Served, tmp_path: Path) -> None:
    clone = Desk(desk.root, tmp_path / "clone", served)
    clone.build()
    desk.build()
    receipt = desk.state / "images" / "train.json"
    told = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**told, "missed": told["missed"] - 60}))
    clone.push()
    assert desk.push().outcome.startswith("already there: ")


def test_needs_build_is_said_by_a_push_and_done_by_a_build(desk: Desk) -> None:
    with pytest.raises(NotReady, match="is not built"):
        desk.push()
    assert desk.build().outcome.startswith("built training:")


def test_failed_to_ask_is_no_reason_not_to_build(desk: Desk) -> None:
    with line_to(desk.served.host) as gone:
        pass
    desk.host = gone.host
    built = desk.build()
    assert built.outcome.startswith("built training:")
    assert desk.said[0].startswith(f"the registry could not be asked for training:{built.tag} (")
    with pytest.raises(BuildFailed, match="nothing answers at"):
        desk.push()


def test_build_without_a_login_asks_nobody(desk: Desk, served: Served) -> None:
    desk.build(asks=False)
    assert served.seen == []


def test_build_whose_login_has_run_out_neither_renews_it_nor_makes_a_fuss(desk: Desk, served: Served) -> None:
    desk.build()
    desk.push()
    (desk.root / "app" / "name.txt").write_text(f"{desk.root} edited")
    served.door.expire()
    issued = served.door.issued
    desk.said.clear()
    assert desk.build(asks=False).outcome.startswith("built training:")
    assert served.door.issued == issued
    assert not [text for text in desk.said if "could not be asked" in text]


def test_line_that_drops_is_sent_over_again(desk: Desk) -> None:
    desk.build()
    with line_to(desk.served.host) as line:
        line.faults = [
            Fault("PUT", "/blobs/uploads/", after=1),
            Fault("PUT", "/manifests/", status=503),
        ]
        desk.host = line.host
        desk.build()
        pushed = desk.push()
    assert pushed.changed
    assert len(line.met) == 2
    tries = [text[-14:] for text in desk.said if "trying again" in text]
    assert tries == ["s (try 2 of 3)", "s (try 3 of 3)"]


def test_busy_registry_is_asked_when_it_wants_to_be(desk: Desk) -> None:
    desk.build()
    desk.push()
    with line_to(desk.served.host) as line:
        line.faults = [Fault("HEAD", "/manifests/", status=429, headers={"Retry-After": "2"})]
        desk.host = line.host
        desk.build()
        found = desk.push()
    assert found.outcome.startswith("already there")
    assert desk.slept == [2.0]


def test_refusal_that_stays_is_said_once(desk: Desk) -> None:
    with line_to(desk.served.host) as line:
        line.faults = [Fault("POST", "/blobs/uploads/", times=9, status=403)]
        desk.host = line.host
        desk.build()
        with pytest.raises(BuildFailed) as caught:
            desk.push()
    assert "may not write to the image repository" in caught.value.why
    assert (len(line.met), desk.slept) == (1, [])


def test_old_receipts_are_read(desk: Desk) -> None:
    desk.build()
    pushed = desk.push()
    path = desk.state / "images" / "train.json"
    path.write_text(path.read_text().replace(',\n  "elsewhere": ""', ""))
    assert dataclasses.replace(desk.push(), outcome="", changed=True) == dataclasses.replace(pushed, outcome="")
