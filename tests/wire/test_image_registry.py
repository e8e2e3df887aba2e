"""Build and push where there is no container engine, against the local account's registry over HTTP."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spcs.errors import BuildFailed, NotReady
from spcs.image import Engine, Receipt, build, detect, login, push, read
from spcs.image.credentials import Credentials
from spcs.image.registry import Registry, RegistryRefusal
from tests.images import Served, make_plan, registry, serve, write_code

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the server


class Desk:
    """A project folder with no engine, and the registry it pushes to."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.root = folder / "project"
        self.state = self.root / ".spcs"
        self.served = served
        self.said: list[str] = []
        write_code(self.root)

    @property
    def engine(self) -> Engine:
        return detect("none", self.state, local_account=True)

    def build(self, dry: bool = False) -> Receipt:
        plan = make_plan(self.root, repository_url=self.served.repository_url)
        return build(plan, self.engine, job="train", state=self.state, say=self.said.append, dry=dry)

    def push(self, repository_url: str = "", dry: bool = False, local_account: bool = True) -> Receipt:
        plan = make_plan(self.root, repository_url=repository_url or self.served.repository_url)
        return push(
            plan,
            self.engine,
            job="train",
            state=self.state,
            token=self.served.door.token,
            say=self.said.append,
            dry=dry,
            local_account=local_account,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture
def desk(tmp_path: Path, served: Served) -> Desk:
    served.door.expire()
    served.seen.clear()
    desk = Desk(tmp_path, served)
    # Every test has code of its own, so that no test finds another's image in the registry.
    (desk.root / "app" / "name.txt").write_text(str(tmp_path))
    return desk


def test_image_is_built_pushed_and_named_by_the_registrys_digest(desk: Desk) -> None:
    built = desk.build()
    pushed = desk.push()

    assert built.outcome.startswith(f"built training:{built.tag} in ")
    assert pushed.outcome.startswith(f"pushed training:{built.tag} in ")
    assert (built.changed, pushed.changed) == (True, True)
    assert pushed.image_id == built.image_id
    assert pushed.digest == digest_of(desk, pushed)
    assert read(desk.state, "train") == pushed


def digest_of(desk: Desk, receipt: Receipt) -> str | None:
    login_ = Credentials("0sessiontoken", desk.served.door.token())
    return Registry(desk.served.host, login_).digest("db/schema/images/training", receipt.tag)


def test_nothing_changed_is_said_and_costs_one_request_and_no_login(desk: Desk) -> None:
    desk.build()
    first = desk.push()
    desk.served.seen.clear()
    issued = desk.served.door.issued

    found, there = desk.build(), desk.push()

    assert found.outcome == f"found training:{first.tag} (unchanged)"
    assert found.digest == first.digest
    assert there.outcome.startswith(f"already there: {first.ref} (sha256:")
    assert (found.changed, there.changed) == (False, False)
    assert desk.served.seen == [f"HEAD /v2/db/schema/images/training/manifests/{first.tag}"]
    assert desk.served.door.issued == issued


def test_receipts_may_be_deleted(desk: Desk) -> None:
    desk.build()
    first = desk.push()
    (desk.state / "images" / "train.json").unlink()
    desk.build()
    assert desk.push().digest == first.digest


def test_edited_code_sends_its_layer_and_what_names_it(desk: Desk) -> None:
    (desk.root / "weights.bin").write_bytes(os.urandom(100_000))
    plan_of = {"code": ("app", "weights.bin"), "repository_url": desk.served.repository_url}
    for content in ("one", "two"):
        (desk.root / "app" / "name.txt").write_text(f"{desk.root} {content}")
        plan = make_plan(desk.root, **plan_of)  # type: ignore[arg-type]
        build(plan, desk.engine, job="train", state=desk.state, say=desk.said.append)
        token = desk.served.door.token
        done = push(plan, desk.engine, job="train", state=desk.state, token=token, say=desk.said.append)

    assert "1 of 2 layers sent, " in done.outcome
    assert int(done.outcome.split(", ")[1].split()[0]) < 5_000


def test_expired_token_is_renewed_once(desk: Desk) -> None:
    desk.build()
    desk.push()
    desk.served.door.expire()
    issued = desk.served.door.issued
    assert desk.push().outcome.startswith("already there")
    assert desk.served.door.issued == issued + 1


def test_token_that_runs_out_during_the_push_is_renewed(desk: Desk) -> None:
    desk.build()
    login(desk.engine, desk.served.host, desk.served.door.token)
    door = desk.served.door
    admits, seen = door.admits, desk.served.seen

    def until_the_first_upload(authorization: str) -> bool:
        if len([request for request in seen if request.startswith("POST")]) == 1:
            door.admits = admits  # type: ignore[method-assign]
            door.expire()
        return admits(authorization)

    door.admits = until_the_first_upload  # type: ignore[method-assign]
    assert desk.push().changed


def test_registry_that_lets_nobody_look_is_pushed_to_all_the_same(desk: Desk) -> None:
    desk.build()
    desk.served.door.blind = True
    try:
        login(desk.engine, desk.served.host, desk.served.door.token)
        pushed = desk.push()
    finally:
        desk.served.door.blind = False
    assert pushed.changed
    assert pushed.digest == digest_of(desk, pushed)


def test_push_before_build_says_what_to_do(desk: Desk) -> None:
    with pytest.raises(NotReady) as caught:
        desk.push()
    assert caught.value.fix == "inv build push --job train"


def test_missing_repository_is_refused_with_the_cure(desk: Desk) -> None:
    desk.build()
    plan = make_plan(desk.root, repository_url=f"{desk.served.host}/db/schema/missing")
    build(plan, desk.engine, job="train", state=desk.state, say=desk.said.append)
    with pytest.raises(BuildFailed) as caught:
        desk.push(f"{desk.served.host}/db/schema/missing")
    assert caught.value.code == 5
    assert "there is no image repository db/schema/missing" in caught.value.why
    assert caught.value.fix == "inv setup"


def test_login_that_is_never_admitted_is_refused(desk: Desk) -> None:
    desk.build()
    plan = make_plan(desk.root, repository_url=desk.served.repository_url)
    token = '{"token": "wrong", "expires_in": 1}'
    with pytest.raises(BuildFailed) as caught:
        push(plan, desk.engine, job="train", state=desk.state, token=lambda: token, say=desk.said.append)
    assert caught.value.what == f"the registry {desk.served.host} refused the login"
    assert "wrong" not in str(caught.value.message)


def test_registry_that_is_down_is_said(desk: Desk) -> None:
    with serve(Starlette()) as gone:
        pass
    plan = make_plan(desk.root, repository_url=f"{gone}/db/schema/images")
    build(plan, desk.engine, job="train", state=desk.state, say=desk.said.append)
    with pytest.raises(BuildFailed) as caught:
        desk.push(f"{gone}/db/schema/images")
    assert f"nothing answers at {gone}" in caught.value.why
    assert caught.value.fix == "inv local.up"


def test_image_for_the_process_runtime_is_refused_by_a_real_account(desk: Desk) -> None:
    with pytest.raises(NotReady) as caught:
        desk.push("org-acct.registry.snowflakecomputing.com/db/schema/images", local_account=False)
    assert caught.value.what.endswith("cannot run on a real account")
    assert "it holds the code only" in caught.value.why
    assert caught.value.code == 3
    assert desk.served.seen == []


def test_dry_run_touches_nothing(desk: Desk) -> None:
    would_build, would_push = desk.build(dry=True), desk.push(dry=True)
    assert would_build.outcome.startswith("would build training:")
    assert would_push.outcome == f"would push {would_build.ref}"
    assert not desk.state.exists()
    assert desk.served.seen == []


@pytest.fixture
def bearer_registry() -> Iterator[str]:
    """A registry that, like Docker's own, wants a bearer token from its `/login` instead of the login itself."""

    async def manifest(request: Request) -> Response:
        if request.headers.get("authorization") == "Bearer t1":
            return Response(headers={"Docker-Content-Digest": "sha256:1"})
        realm = f'Bearer realm="http://{request.headers["host"]}/login",service="r",scope="repository:x:pull"'
        return Response(status_code=401, headers={"WWW-Authenticate": realm})

    async def token(request: Request) -> Response:
        user = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")[0]
        known = user == "0sessiontoken" and dict(request.query_params) == {"service": "r", "scope": "repository:x:pull"}
        return JSONResponse({"token": "t1"}) if known else Response(status_code=401)

    async def elsewhere(request: Request) -> Response:
        return Response(status_code=401, headers={"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/login"'})

    async def redirect(request: Request) -> Response:
        return Response(status_code=307, headers={"Location": "http://127.0.0.1:1/"})

    routes = [
        Route("/v2/x/manifests/tag", manifest, methods=["HEAD"]),
        Route("/v2/x/manifests/elsewhere", elsewhere, methods=["HEAD"]),
        Route("/v2/x/manifests/redirect", redirect, methods=["HEAD"]),
        Route("/login", token),
    ]
    with serve(Starlette(routes=routes)) as host:
        yield host


def test_login_is_traded_for_a_bearer_token_where_the_registry_wants_one(bearer_registry: str) -> None:
    credentials = Credentials("0sessiontoken", json.dumps({"token": "s"}))
    assert Registry(bearer_registry, credentials).digest("x", "tag") == "sha256:1"


@pytest.mark.parametrize(("tag", "status"), [("elsewhere", 401), ("redirect", 307)])
def test_login_never_leaves_the_host(bearer_registry: str, tag: str, status: int) -> None:
    with pytest.raises(RegistryRefusal) as caught:
        Registry(bearer_registry, Credentials("0sessiontoken", "{}")).digest("x", tag)
    assert caught.value.status == status
