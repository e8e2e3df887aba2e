"""The decisions: what is there already is not made again, what the registry has is not sent again."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, assert_never

from spcs.errors import BuildFailed, NotReady
from spcs.image import failures, lookup, outcomes, receipts
from spcs.image.commands import Say
from spcs.image.credentials import USER, Credentials, Folder
from spcs.image.engines import INPUTS_LABEL, Build, Engine, EngineFailed, Pushed
from spcs.image.inputs import ImagePlan, fingerprint, reference
from spcs.image.progress import Watch
from spcs.image.receipts import Receipt
from spcs.image.registry import RegistryRefusal
from spcs.image.repository import Repository, Token
from spcs.image.retries import Retries


def build(
    plan: ImagePlan, engine: Engine, *, job: str, state: Path, token: Token | None = None, say: Say, dry: bool = False
) -> Receipt:
    """Make the image unless this machine or the registry has it, and write the job's receipt below `state` (`.spcs/`).

    Without a `token` the registry is asked with the login that is at hand, or not at all. With `dry` the commands are
    said, not run. Raises BuildFailed with the builder's last 20 lines, unless those were all and have just been said.
    """
    receipt = _receipt(plan, engine, job)
    made = Build(plan, receipt.ref, state / "context" / job, plan.options, _labels(plan, receipt))
    if dry:
        return _planned(made, engine, receipt, say)
    registry = Repository(receipt.ref, Folder(state / "docker"), token)
    outcome = lookup.before_build(engine, receipt, registry if registry.can_ask else None)
    match outcome:
        case outcomes.Found(digest=""):
            done = _known(state, receipt, f"found {_short(receipt)} (unchanged)", image_id=outcome.image_id)
        case outcomes.Found():
            words = f"already there: {receipt.ref} ({outcome.digest[:19]}…), so it is not built here"
            done = _known(state, receipt, words, digest=outcome.digest)
        case outcomes.NeedsLocalTag():
            _tag(engine, outcome, receipt)
            words = f"found {_short(receipt)} as {outcome.other}, and gave it this name too"
            done = _known(state, receipt, words, image_id=outcome.image_id, changed=True)
        case outcomes.Failed():
            say(f"the registry could not be asked for {_short(receipt)} ({outcome.why}), so it is built")
            done = _build(made, engine, receipt, say)
        case outcomes.NeedsBuild():
            done = _build(made, engine, receipt, say)
        case outcomes.NeedsPush() | outcomes.NeedsRemoteTag():
            raise AssertionError(outcome)  # answers to what `push` asks
        case _:
            assert_never(outcome)
    done = dataclasses.replace(done, missed=registry.missed)
    receipts.write(state, _with_places(state, done))
    return done


@dataclasses.dataclass
class Push:
    """One image on its way to the registry: what it needs at every turn."""

    plan: ImagePlan
    engine: Engine
    receipt: Receipt
    state: Path
    registry: Repository
    say: Say
    watch: Watch
    retries: Retries


def push(
    plan: ImagePlan,
    engine: Engine,
    *,
    job: str,
    state: Path,
    token: Token,
    say: Say,
    watch: Watch = lambda _: None,
    retries: Retries = Retries(),  # noqa: B008 - a value
    dry: bool = False,
    local_account: bool = True,
) -> Receipt:
    """Send the image unless the registry has its tag, and note the registry's digest in the job's receipt.

    One request settles an unchanged image. `token` is called only when the registry wants a login. Raises NotReady if
    the image isn't built, or can't run where it would go (one of no engine runs on the `local_account` only);
    BuildFailed if the registry refuses, or drops more often than `retries` allow.
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
    registry = Repository(receipt.ref, Folder(state / "docker"), token, retries=retries, say=say)
    done = _push(Push(plan, engine, receipt, state, registry, say, watch, retries))
    receipts.write(state, _with_places(state, done))
    return done


def login(engine: Engine, host: str, token: Token) -> None:
    """Log in to the registry at `host` (with its port), into the private folder; raises BuildFailed if it refuses."""
    try:
        engine.login(host, Credentials(USER, token()))
    except EngineFailed as failed:
        raise failures.of_login(host, failed.detail) from failed


def _planned(made: Build, engine: Engine, receipt: Receipt, say: Say) -> Receipt:
    if engine.find(receipt.ref):
        return dataclasses.replace(receipt, outcome=f"found {_short(receipt)} (unchanged)")
    for argv in engine.commands_to_build(made):
        say(shlex.join(argv))
    return dataclasses.replace(receipt, outcome=f"would build {_short(receipt)} {_how(engine)}")


def _build(made: Build, engine: Engine, receipt: Receipt, say: Say) -> Receipt:
    started = time.monotonic()
    say(f"building {_short(receipt)} {_how(engine)}")
    with _one_at_a_time(made.context) as waited:
        # Another command may have built it meanwhile.
        image_id = engine.find(receipt.ref) if waited else None
        try:
            image_id = image_id or engine.build(made, say)
        except EngineFailed as failed:
            raise failures.of_build(made.plan, receipt.job, engine.name, _how(engine), failed) from failed
    outcome = f"built {_short(receipt)} in {time.monotonic() - started:.1f} s {_how(engine)}"
    return dataclasses.replace(receipt, image_id=image_id, outcome=outcome, changed=True)


def _push(made: Push, *, may_share: bool = True) -> Receipt:
    receipt, known = made.receipt, receipts.places(made.state, made.receipt) if may_share else []
    missed = receipts.was_just_missed(made.state, receipt)
    outcome = lookup.before_push(made.engine, receipt, made.registry, known, missed)
    match outcome:
        case outcomes.Found():
            words = f"already there: {receipt.ref} ({outcome.digest[:19]}…)"
            return _known(made.state, receipt, words, digest=outcome.digest)
        case outcomes.NeedsRemoteTag():
            return _named_there(made, outcome) or _push(made, may_share=False)
        case outcomes.NeedsPush():
            return _sent(made, outcome.image_id)
        case outcomes.NeedsLocalTag():
            _tag(made.engine, outcome, receipt)
            return _sent(made, outcome.image_id)
        case outcomes.NeedsBuild():
            _not_built(receipt)
        case outcomes.Failed():
            raise failures.of_push(receipt.ref, receipt.job, outcome.why)
        case _:
            assert_never(outcome)


def _named_there(made: Push, outcome: outcomes.NeedsRemoteTag) -> Receipt | None:
    """Name the image in the registry; None if that does not share its blobs between repositories."""
    try:
        if not made.registry.take_over(outcome.other, outcome.digest):
            return None
    except RegistryRefusal:
        return None  # sending it shows what is wrong
    words = f"named {made.receipt.ref} in the registry, which has it as {outcome.other}: nothing was sent"
    return dataclasses.replace(_known(made.state, made.receipt, words, digest=outcome.digest), changed=True)


def _sent(made: Push, image_id: str) -> Receipt:
    receipt, started = made.receipt, time.monotonic()
    made.say(f"pushing {receipt.ref}")
    try:
        pushed = _send(made)
        digest = pushed.digest or made.registry.digest()
    except (EngineFailed, RegistryRefusal) as failed:
        raise failures.of_push(receipt.ref, receipt.job, failed.detail) from failed
    if not digest:
        again = f"inv push --job {receipt.job}"
        raise BuildFailed(f"{receipt.ref} was pushed, but the registry has no such image", fix=again)
    sent = f": {pushed.sent}" if pushed.sent else ""
    outcome = f"pushed {_short(receipt)} in {time.monotonic() - started:.1f} s{sent}"
    return dataclasses.replace(receipt, image_id=image_id, digest=digest, outcome=outcome, changed=True)


def _send(made: Push) -> Pushed:
    """Push, again where the registry drops, and once more with a fresh login where the old one has run out."""
    try:
        return _persist(made)
    except EngineFailed as failed:
        if not failed.unauthorised:
            raise
    host = made.registry.target.host
    made.say(f"{host} wants a fresh login")
    credentials = made.registry.login()
    try:
        made.engine.login(host, credentials)
    except EngineFailed as failed:
        raise failures.of_login(host, failed.detail) from failed
    return _persist(made)


def _persist(made: Push) -> Pushed:
    tries = itertools.count()

    def push() -> Pushed:
        # The last try may have gone through though nobody said so, and a registry that is busy says here for how long.
        there = made.registry.digest() if next(tries) else None
        return Pushed(there, "") if there else made.engine.push(made.receipt.ref, made.say, made.watch)

    return made.retries.persist(push, made.say)


def _tag(engine: Engine, outcome: outcomes.NeedsLocalTag, receipt: Receipt) -> None:
    try:
        engine.tag(outcome.other, receipt.ref)
    except EngineFailed as failed:
        raise BuildFailed(f"{outcome.other} could not be named {receipt.ref}", why=failed.detail) from failed


def _not_built(receipt: Receipt) -> NoReturn:
    raise NotReady(
        f"the image of job '{receipt.job}' is not built",
        why=f"for the files and pins as they are now it would be {receipt.ref}",
        fix=f"inv build push --job {receipt.job}",
    )


def _receipt(plan: ImagePlan, engine: Engine, job: str) -> Receipt:
    return Receipt(job, reference(plan, engine.kind), fingerprint(plan, engine.kind), engine.name)


def _known(
    state: Path, receipt: Receipt, outcome: str, *, image_id: str = "", digest: str = "", changed: bool = False
) -> Receipt:
    """The receipt completed by what an earlier one of the same inputs knows."""
    before = receipts.read(state, receipt.job)
    if before is not None and before.ref == receipt.ref:
        image_id, digest = image_id or before.image_id, digest or before.digest
    return dataclasses.replace(receipt, image_id=image_id, digest=digest, outcome=outcome, changed=changed)


def _with_places(state: Path, receipt: Receipt) -> Receipt:
    """The receipt that also remembers where the same inputs were pushed to under another name."""
    before = receipts.read(state, receipt.job)
    if before is None or before.inputs != receipt.inputs:
        return receipt
    elsewhere = before.elsewhere if before.ref == receipt.ref else before.pushed_as or before.elsewhere
    return dataclasses.replace(receipt, elsewhere=elsewhere)


def _labels(plan: ImagePlan, receipt: Receipt) -> dict[str, str]:
    return {**plan.labels, INPUTS_LABEL: receipt.inputs}


def _short(receipt: Receipt) -> str:
    """`training:0123456789ab`"""
    return receipt.ref.rpartition("/")[2]


def _how(engine: Engine) -> str:
    """`with docker (legacy builder)`, or that there is no engine."""
    if engine.builder == "none":
        return f"without a container engine ({'your code only' if engine.kind == 'process' else engine.name})"
    return f"with {engine.name} ({engine.builder} builder)"


@contextmanager
def _one_at_a_time(context: Path) -> Iterator[bool]:
    """Two commands must not stage their files in one folder; gives whether there was another to wait for."""
    context.parent.mkdir(parents=True, exist_ok=True)
    with context.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waited = True
        yield waited
