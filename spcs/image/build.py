"""The decisions: what is there already is not made again, what the registry has is not sent again."""

from __future__ import annotations

import dataclasses
import fcntl
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spcs.errors import BuildFailed, NotReady
from spcs.image import failures, receipts
from spcs.image.commands import Say
from spcs.image.credentials import USER, Credentials, Folder
from spcs.image.engines import Build, Engine, EngineFailed
from spcs.image.inputs import ImagePlan, fingerprint, reference
from spcs.image.receipts import Receipt
from spcs.image.registry import Reference, Registry, RegistryRefusal

Token = Callable[[], str]
"""Gives the registry's password, the session token's JSON text; called only when a login is needed."""


def build(
    plan: ImagePlan, engine: Engine, *, job: str, state: Path, options: Sequence[str] = (), say: Say, dry: bool = False
) -> Receipt:
    """Make the image unless this machine has it, and write the job's receipt below `state` (`.spcs/`).

    `options` are words for the builder (`image.build_options`). With `dry` the commands are said, not run. Raises
    BuildFailed with the builder's last 20 lines, unless those were all and have just been said.
    """
    receipt = _receipt(plan, engine, job)
    image_id = engine.find(receipt.ref)
    if image_id is None:
        made = Build(plan, receipt.ref, state / "context" / job, tuple(options), _labels(plan, receipt))
        if dry:
            for argv in engine.commands_to_build(made):
                say(shlex.join(argv))
            return dataclasses.replace(receipt, outcome=f"would build {_short(plan, receipt)} {_how(engine)}")
        return _build(made, engine, receipt, state, say)
    found = _known(state, receipt, image_id, f"found {_short(plan, receipt)} (unchanged)")
    if not dry:
        receipts.write(state, found)
    return found


def push(
    plan: ImagePlan,
    engine: Engine,
    *,
    job: str,
    state: Path,
    token: Token,
    say: Say,
    dry: bool = False,
    local_account: bool = True,
) -> Receipt:
    """Send the image unless the registry has its tag, and note the registry's digest in the job's receipt.

    One request settles an unchanged image. `token` is called only when the registry wants a login. Raises NotReady if
    the image isn't built, or can't run where it would go (one of no engine runs on the `local_account` only);
    BuildFailed if the registry refuses.
    """
    receipt = _receipt(plan, engine, job)
    if engine.kind == "process" and not local_account:
        raise NotReady(
            f"the image {receipt.ref} cannot run on a real account",
            why="it was written without a container engine: it holds the code only, for a process on the local account",
            fix=f"install Docker or Podman, or remove image.engine: none, then inv build push --job {job}",
        )
    if dry:
        for argv in engine.commands_to_push(receipt.ref):
            say(shlex.join(argv))
        return dataclasses.replace(receipt, outcome=f"would push {receipt.ref}")
    digest = _digest(engine, receipt, state, token)
    if digest:
        done = _known(state, receipt, "", f"already there: {receipt.ref} ({digest[:19]}…)", digest)
    else:
        done = _push(plan, engine, receipt, state, token, say)
    receipts.write(state, done)
    return done


def login(engine: Engine, host: str, token: Token) -> None:
    """Log in to the registry at `host` (with its port), into the private folder; raises BuildFailed if it refuses."""
    try:
        engine.login(host, Credentials(USER, token()))
    except EngineFailed as failed:
        raise failures.of_login(host, failed.detail) from failed


def _build(made: Build, engine: Engine, receipt: Receipt, state: Path, say: Say) -> Receipt:
    started = time.monotonic()
    say(f"building {_short(made.plan, receipt)} {_how(engine)}")
    with _one_at_a_time(made.context):
        # Another command may have built it while this one waited.
        image_id = engine.find(receipt.ref)
        try:
            image_id = image_id or engine.build(made, say)
        except EngineFailed as failed:
            raise failures.of_build(made.plan, receipt.job, engine.name, _how(engine), failed) from failed
    outcome = f"built {_short(made.plan, receipt)} in {time.monotonic() - started:.1f} s {_how(engine)}"
    done = dataclasses.replace(receipt, image_id=image_id, outcome=outcome, changed=True)
    receipts.write(state, done)
    return done


def _push(plan: ImagePlan, engine: Engine, receipt: Receipt, state: Path, token: Token, say: Say) -> Receipt:
    image_id = engine.find(receipt.ref)
    if image_id is None:
        raise NotReady(
            f"the image of job '{receipt.job}' is not built",
            why=f"for the files and pins as they are now it would be {receipt.ref}",
            fix=f"inv build push --job {receipt.job}",
        )
    started = time.monotonic()
    say(f"pushing {receipt.ref}")
    host = Reference.parse(receipt.ref).host
    try:
        try:
            pushed = engine.push(receipt.ref, say)
        except EngineFailed as failed:
            if not failed.unauthorised:
                raise
            # The token may have run out while the layers went over.
            login(engine, host, token)
            pushed = engine.push(receipt.ref, say)
    except EngineFailed as failed:
        raise failures.of_push(receipt.ref, receipt.job, failed.detail) from failed
    digest = _digest(engine, receipt, state, token) or pushed.digest
    if not digest:
        again = f"inv push --job {receipt.job}"
        raise BuildFailed(f"{receipt.ref} was pushed, but the registry has no such image", fix=again)
    sent = f": {pushed.sent}" if pushed.sent else ""
    outcome = f"pushed {_short(plan, receipt)} in {time.monotonic() - started:.1f} s{sent}"
    return dataclasses.replace(receipt, image_id=image_id, digest=digest, outcome=outcome, changed=True)


def _digest(engine: Engine, receipt: Receipt, state: Path, token: Token, *, fresh: bool = False) -> str | None:
    """The registry's digest for the receipt's tag, None if it has none; logs in if the registry asks for that.

    A registry that lets a `fresh` login push but not look is no reason to stop: then, too, the answer is None.
    """
    target = Reference.parse(receipt.ref)
    try:
        registry = Registry(target.host, Folder(state / "docker").load(target.host))
        return registry.digest(target.repository, target.tag)
    except RegistryRefusal as refusal:
        if refusal.status not in (401, 403):
            raise failures.of_push(receipt.ref, receipt.job, str(refusal)) from refusal
        if fresh or refusal.status == 403:
            return None
    login(engine, target.host, token)
    return _digest(engine, receipt, state, token, fresh=True)


def _receipt(plan: ImagePlan, engine: Engine, job: str) -> Receipt:
    return Receipt(job, reference(plan, engine.kind), fingerprint(plan, engine.kind), engine.name)


def _known(state: Path, receipt: Receipt, image_id: str, outcome: str, digest: str = "") -> Receipt:
    """The receipt completed by what an earlier one of the same inputs knows."""
    before = receipts.read(state, receipt.job)
    if before is not None and before.ref == receipt.ref:
        image_id, digest = image_id or before.image_id, digest or before.digest
    return dataclasses.replace(receipt, image_id=image_id, digest=digest, outcome=outcome)


def _labels(plan: ImagePlan, receipt: Receipt) -> dict[str, str]:
    return {**plan.labels, "spcs.inputs": receipt.inputs}


def _short(plan: ImagePlan, receipt: Receipt) -> str:
    return f"{plan.name}:{receipt.tag}"


def _how(engine: Engine) -> str:
    """`with docker (legacy builder)`, or that there is no engine."""
    with_engine = f"with {engine.name} ({engine.builder} builder)"
    return with_engine if engine.kind == "container" else "without a container engine (your code only)"


@contextmanager
def _one_at_a_time(context: Path) -> Iterator[None]:
    """Two commands must not stage their files in one folder."""
    context.parent.mkdir(parents=True, exist_ok=True)
    with context.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
