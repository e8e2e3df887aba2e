from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from spcs.config import Job
from spcs.errors import SettingsProblem
from spcs.image import ContextFile, ImagePlan, collect, fingerprint, reference, top_level
from spcs.image.inputs import deciding, stage
from spcs.steps.image import code_of, named_code
from tests.images import NO_WHEEL, make_plan, write_code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_code(tmp_path / "project")
    return tmp_path / "project"


def test_reference_is_repository_name_and_twelve_hex_digits(root: Path) -> None:
    plan = make_plan(root)
    assert reference(plan, "container") == f"{plan.repository_url}/training:{fingerprint(plan, 'container')[:12]}"


def test_same_inputs_give_the_same_hash(root: Path) -> None:
    assert fingerprint(make_plan(root), "container") == fingerprint(make_plan(root), "container")


Change = Callable[[ImagePlan], ImagePlan]


def with_file(change: Callable[[ContextFile], ContextFile]) -> Change:
    return lambda plan: dataclasses.replace(plan, files=(change(plan.files[0]), *plan.files[1:]))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: dataclasses.replace(p, base="debian:13"), id="base"),
        pytest.param(lambda p: dataclasses.replace(p, platform="linux/arm64"), id="platform"),
        pytest.param(lambda p: dataclasses.replace(p, dockerfile=p.dockerfile + "# x\n"), id="dockerfile"),
        pytest.param(lambda p: dataclasses.replace(p, entrypoint=("python", "x.py")), id="entrypoint"),
        pytest.param(lambda p: dataclasses.replace(p, files=p.files[1:]), id="a file less"),
        pytest.param(with_file(lambda f: dataclasses.replace(f, content=f.content + b"#")), id="a file's content"),
        pytest.param(with_file(lambda f: dataclasses.replace(f, path=f.path + "x")), id="a file's name"),
        pytest.param(with_file(lambda f: dataclasses.replace(f, executable=not f.executable)), id="a file's mode"),
    ],
)
def test_hash_changes_with(change: Change, root: Path) -> None:
    plan = make_plan(root)
    assert fingerprint(change(plan), "container") != fingerprint(plan, "container")


def test_hash_changes_with_a_pin_and_with_the_kind_of_image(root: Path) -> None:
    plan = make_plan(root)
    assert fingerprint(make_plan(root, pins={"six": "1.16.0"}), "container") != fingerprint(plan, "container")
    assert fingerprint(plan, "process") != fingerprint(plan, "container")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: os.utime(root / "app" / "__main__.py", (1, 1)), id="time"),
        pytest.param(lambda root: (root / "app" / "new.pyc").write_bytes(b"x"), id="bytecode"),
        pytest.param(
            lambda root: (root / "app" / "__pycache__" / "x.txt").write_text("x"), id="a file beside bytecode"
        ),
        pytest.param(lambda root: (root / "app" / ".secret").write_text("x"), id="a hidden file"),
        pytest.param(lambda root: (root / "app" / "__main__.py").chmod(0o600), id="who may read"),
        pytest.param(lambda root: (root / "notes.txt").write_text("x"), id="a file outside the code"),
    ],
)
def test_hash_does_not_change_with(change: Callable[[Path], object], root: Path) -> None:
    before = fingerprint(make_plan(root), "container")
    change(root)
    assert fingerprint(make_plan(root), "container") == before


def test_hash_does_not_change_with_labels(root: Path) -> None:
    plan = make_plan(root)
    other = dataclasses.replace(plan, labels={"revision": "abc"})
    assert fingerprint(other, "container") == fingerprint(plan, "container")


@pytest.mark.parametrize("sent", ["dockerfile", "dockerfile_buildkit"])
def test_hash_changes_with_either_dockerfile_whichever_builder_gets_it(root: Path, sent: str) -> None:
    plan = make_plan(root)
    other = dataclasses.replace(plan, **{sent: "FROM x"})  # type: ignore[arg-type]
    assert fingerprint(other, "container") != fingerprint(plan, "container")


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (("--network", "host", "--build-arg", "A=1"), ["--build-arg", "A=1"]),
        (("--network=host", "--no-cache", "--target=small"), ["--target=small"]),
        (("--secret", "id=index,src=token.txt", "--add-host=a:1.2.3.4"), []),
    ],
)
def test_hash_knows_the_builders_options_that_decide_the_image(
    options: tuple[str, ...], kept: list[str], root: Path
) -> None:
    plan = make_plan(root)
    assert deciding(options) == kept
    same = fingerprint(make_plan(root, options=options), "container") == fingerprint(plan, "container")
    assert same == (not kept)


def test_moving_bytes_between_neighbours_changes_the_hash(root: Path) -> None:
    plan = make_plan(root)
    one = dataclasses.replace(plan, files=(ContextFile("a", b"bc"), ContextFile("d", b"")))
    other = dataclasses.replace(plan, files=(ContextFile("a", b"b"), ContextFile("cd", b"")))
    assert fingerprint(one, "container") != fingerprint(other, "container")


def test_only_code_is_collected(root: Path) -> None:
    assert [file.path for file in collect(root, ["app"])] == ["app/__init__.py", "app/__main__.py", "app/tool.sh"]


def test_single_file_can_be_the_code(root: Path) -> None:
    (root / "main.py").write_text("pass\n")
    assert collect(root, ["main.py"]) == (ContextFile("main.py", b"pass\n", False),)


@pytest.mark.parametrize("path", ["nothing", "../outside", "/etc/hostname", "."])
def test_path_that_is_not_in_the_project_is_an_error(path: str, root: Path) -> None:
    with pytest.raises(SettingsProblem, match="image code"):
        collect(root, [path])


def test_symbolic_link_is_an_error(root: Path) -> None:
    (root / "app" / "link.py").symlink_to(root / "app" / "__main__.py")
    with pytest.raises(SettingsProblem, match=r"app/link\.py is a symbolic link"):
        collect(root, ["app"])


KIND = "PRIVATE KEY"
KEY = f"-----BEGIN {KIND}-----\nMIIEvQ{'A' * 58}\n-----END {KIND}-----\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("id_rsa", "x"),
        ("ID_ED25519", "x"),
        ("credentials.json", "{}"),
        ("connections.toml", "[dev]"),
        ("rsa_key.p8", "x"),
        ("my-service-account.json", "{}"),
        ("notes.txt", f"my key:\n{KEY}"),
        ("settings.py", f"KEY = {KEY!r}"),
    ],
)
def test_a_file_that_looks_like_a_secret_enters_no_image_unless_it_is_named(name: str, text: str, root: Path) -> None:
    (root / "app" / "data").mkdir(exist_ok=True)
    (root / "app" / "data" / name).write_text(text)
    with pytest.raises(SettingsProblem, match=rf"app/data/{name} looks like a secret") as caught:
        collect(root, ["app"])
    assert f"name app/data/{name} itself in `code`" in caught.value.fix
    job = Job(code=("app/", f"./app/data/{name}"))
    files = collect(root, code_of(root, job, ()), named_code(root, job, ()))
    assert f"app/data/{name}" in [file.path for file in files]


@pytest.mark.parametrize(
    ("name", "text"),
    [("keys.py", "import credentials"), ("ca.pem", KEY.replace(KIND, "CERTIFICATE")),
     ("check.py", "if text.startswith('-----BEGIN PRIVATE' + ' KEY-----'): ..."), ("tokenizer.json", "{}")],
)  # fmt: skip
def test_what_only_speaks_of_secrets_enters(name: str, text: str, root: Path) -> None:
    (root / "app" / name).write_text(text)
    assert f"app/{name}" in [file.path for file in collect(root, ["app"])]


def test_staged_folder_holds_exactly_the_plan(root: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "left-over").write_text("x")

    stage(make_plan(root, pins={"six": "1.17.0", "torch": "2.13.0"}), "FROM x\n", context)

    assert sorted(str(path.relative_to(context)) for path in context.rglob("*")) == [
        ".uv", ".uv/install.py", ".uv/uv.txt", "Dockerfile", "app", "app/__init__.py", "app/__main__.py", "app/tool.sh",
        "requirements-heavy.txt", "requirements-light.txt",
    ]  # fmt: skip
    assert (context / "Dockerfile").read_text() == "FROM x\n"
    assert (context / "requirements-heavy.txt").read_text() == f"torch==2.13.0 \\\n    --hash=sha256:{NO_WHEEL}\n"


def test_staged_modes_and_dates_are_normal_whatever_the_umask(root: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        stage(make_plan(root), "FROM x\n", tmp_path / "context")
    finally:
        os.umask(before)

    found = {path.name: path.stat() for path in (tmp_path / "context").rglob("*")}
    modes = {name: stat.S_IMODE(status.st_mode) for name, status in found.items()}
    assert (modes["app"], modes["tool.sh"], modes["__main__.py"], modes["Dockerfile"]) == (0o755, 0o755, 0o644, 0o644)


def dates(context: Path) -> dict[str, float]:
    return {str(path.relative_to(context)): path.stat().st_mtime for path in context.rglob("*")}


def test_staged_dates_change_with_the_content_and_with_nothing_else(root: Path, tmp_path: Path) -> None:
    stage(make_plan(root), "FROM x\n", tmp_path / "first")
    os.utime(root / "app" / "__main__.py", (1, 1))
    stage(make_plan(root), "FROM y\n", tmp_path / "second")
    first, second = dates(tmp_path / "first"), dates(tmp_path / "second")
    assert {path for path in first if first[path] != second[path]} == {"Dockerfile"}


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        (("app/",), ("app",)),
        (("./app", "app"), ("app",)),
        (("app", "app/data", "main.py"), ("app", "main.py")),
        (("app/data/", "app"), ("app",)),
        (("app", "apples"), ("app", "apples")),
        ((), ()),
    ],
)
def test_code_is_named_one_way_however_it_is_written(named: tuple[str, ...], meant: tuple[str, ...]) -> None:
    assert top_level(named) == meant


@pytest.mark.parametrize(("code", "default"), [((), ("app",)), (None, ())])
def test_an_image_without_a_program_is_refused(
    code: tuple[str, ...] | None, default: tuple[str, ...], root: Path
) -> None:
    with pytest.raises(SettingsProblem, match="nothing enters the image"):
        code_of(root, Job(code=code), default)


def test_a_folder_written_with_a_slash_is_in_the_image(root: Path) -> None:
    assert code_of(root, Job(code=("app/", "./app/tool.sh")), ()) == ("app",)
