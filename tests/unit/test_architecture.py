"""The plan of the buildings, held by walking every import: who may know whom, who may print, how big a file gets."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import REPO, repository_files

TASKS = ("tasks", "commands")
BUILDINGS = (*TASKS, "spcs", "app", "local_account", "benchmarks", "examples", "tests")
MOST_LINES = 320

#: What the rooms of spcs/ may import of each other, besides themselves. A room that is new belongs in here.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "spec": set(),
    "venv": set(),
    "account": {"errors"},
    "config": {"errors"},
    "local": {"errors", "config"},
    "pins": {"errors"},
    "lock": {"errors", "config", "pins", "spec"},
    "render": {"errors"},
    "reading": {"errors"},
    "scaffold": {"errors"},
    "words": {"errors", "reading"},
    "specification": {"errors", "config", "render", "spec"},
    "image": {"errors", "render", "lock"},
    "run": {"errors", "account", "render", "spec"},
    # what is known of runs, as pure data
    "show": {
        "errors",
        "run.model",
        "run.record",
        "run.listed",
        "run.best",
        "run.story",
        "run.measures",
        "image.progress",
    },
    # the specification's model is the ground floor that all may stand on
    "doctor": {"errors", "account", "image", "config", "lock", "spec"},
    "project": {
        "errors",
        "account",
        "config",
        "image",
        "local",
        "pins",
        "render",
        "run",
        "show",
        "specification",
        "words",
    },
    "board": {"errors"},
    "steps": {"errors", "account", "board", "config", "doctor", "image", "local", "lock", "pins", "project", "render"}
    | {"run", "scaffold", "show", "spec", "specification"},
    "__init__": set(),
}

#: Libraries of spcs/ that one place alone may import.
ONE_PLACE = {
    "snowflake": ("spcs/account/client.py",),
    "jinja2": ("spcs/render.py",),
    "rich": ("spcs/show/",),
    "invoke": ("spcs/errors.py", "spcs/words.py", "spcs/reading.py", "spcs/project.py"),
}

#: The places that may write to the terminal by themselves.
MAY_PRINT = (
    "spcs/show/",
    "spcs/image/inside/",
    "spcs/venv.py",
    "local_account/__main__.py",
    "app/report.py",
    "app/__main__.py",
    "benchmarks/",
    "examples/",
)

#: Traces of the machine something was written on. In pieces, or this file would find itself.
TRACES = re.compile(
    "|".join(
        [
            "/wor" + r"k/\w",
            "/opt/(whe" + "els|py" + "pi)",
            r"(?<![\w./-])/ro" + r"ot/\w",
            "/Us" + r"ers/\w",
            "/ho" + r"me/(?!app\b|user\b|you\b)\w",
            "(py" + r"pi\.org|python" + r"hosted\.org)",
            "BEGIN [A-Z ]*PRIVATE" + " KEY-",
            "AKI" + "A[0-9A-Z]{16}",
            "gh" + "[pousr]_[A-Za-z0-9]{30}",
        ]
    )
)


@dataclass(frozen=True)
class Import:
    """One imported module, as far as it is a module: `from spcs.run import model` is `spcs.run.model`."""

    file: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@functools.cache
def sources() -> tuple[Path, ...]:
    return tuple(
        path for path in repository_files() if path.suffix == ".py" and path.parts[0].removesuffix(".py") in BUILDINGS
    )


@functools.cache
def tree(file: Path) -> ast.Module:
    return ast.parse((REPO / file).read_text(), str(file))


@functools.cache
def imports() -> tuple[Import, ...]:
    return tuple(found for file in sources() for found in imports_of(file))


def imports_of(file: Path) -> Iterator[Import]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = file.parts[: len(file.parts) - node.level] if node.level else ()
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for name in node.names:
                inner = f"{origin}.{name.name}"
                yield Import(file, node.lineno, inner if is_module(inner) else origin)


def is_module(dotted: str) -> bool:
    path = REPO.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def top(found: Import) -> str:
    return found.module.partition(".")[0]


def of(folder: str) -> list[Import]:
    return [found for found in imports() if found.file.as_posix().startswith(folder)]


def inside(module: str, rooms: set[str]) -> bool:
    return any(module == f"spcs.{room}" or module.startswith(f"spcs.{room}.") for room in rooms)


def told(wrong: list[Import]) -> str:
    return "\n".join(map(str, wrong))


def test_tasks_import_spcs_alone() -> None:
    own = [*of("tasks.py"), *of("commands/")]
    wrong = [found for found in own if top(found) in BUILDINGS and top(found) not in ("spcs", *TASKS)]
    assert not wrong, told(wrong)


def test_app_imports_nothing_of_ours() -> None:
    wrong = [found for found in of("app/") if top(found) in BUILDINGS and top(found) != "app"]
    assert not wrong, told(wrong)


def test_local_account_shares_only_the_specification_model() -> None:
    ours = [found for found in of("local_account/") if top(found) in BUILDINGS and top(found) != "local_account"]
    wrong = [found for found in ours if not inside(found.module, {"spec"})]
    assert not wrong, told(wrong)


def test_nothing_imports_local_account() -> None:
    far = [found for found in imports() if found.file.parts[0] not in ("local_account", "tests")]
    wrong = [found for found in far if top(found) == "local_account"]
    assert not wrong, told(wrong)


def test_spcs_imports_no_other_building() -> None:
    wrong = [found for found in of("spcs/") if top(found) in BUILDINGS and top(found) != "spcs"]
    assert not wrong, told(wrong)


@pytest.mark.parametrize(
    "room", sorted({file.parts[1].removesuffix(".py") for file in sources() if file.parts[0] == "spcs"})
)
def test_room_of_spcs_knows_only_its_neighbours(room: str) -> None:
    assert room in MAY_IMPORT, f"spcs/{room} is a new room: say in MAY_IMPORT what it may import"
    own = [*of(f"spcs/{room}/"), *of(f"spcs/{room}.py")]
    wrong = [found for found in own if top(found) == "spcs" and not inside(found.module, {room, *MAY_IMPORT[room]})]
    assert not wrong, told(wrong)


def test_engines_know_only_errors() -> None:
    engines = [found for name in ("docker", "oci", "commands", "registry") for found in of(f"spcs/image/{name}.py")]
    wrong = [found for found in engines if top(found) == "spcs" and not inside(found.module, {"image", "errors"})]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("library", ONE_PLACE)
def test_library_is_imported_in_one_place(library: str) -> None:
    users = [found for found in of("spcs/") if top(found) == library]
    wrong = [found for found in users if not found.file.as_posix().startswith(ONE_PLACE[library])]
    assert not wrong, told(wrong)


@pytest.mark.parametrize(
    ("place", "extra"), [("spcs/venv.py", set()), ("spcs/image/inside/", set()), ("spcs/spec/", {"spcs", "yaml"})]
)
def test_runs_on_little_but_the_standard_library(place: str, extra: set[str]) -> None:
    wrong = [found for found in of(place) if top(found) not in {*sys.stdlib_module_names, *extra}]
    assert not wrong, told(wrong)


def test_only_show_prints() -> None:
    quiet = [file for file in sources() if file.parts[0] != "tests" and not file.as_posix().startswith(MAY_PRINT)]
    wrong = [
        f"{file}:{node.lineno} {ast.unparse(node.func)}"
        for file in quiet
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
        and re.fullmatch(r"print|sys\.std(out|err)\.write(lines)?", ast.unparse(node.func))
    ]
    assert not wrong, "\n".join(wrong)


def test_files_stay_small() -> None:
    sizes = {file: len((REPO / file).read_text().splitlines()) for file in sources()}
    assert {str(file): lines for file, lines in sizes.items() if lines > MOST_LINES} == {}


def test_no_file_names_a_machine_or_holds_a_secret() -> None:
    texts = [(file, (REPO / file).read_bytes()) for file in repository_files()]
    found = [
        f"{file}:{number}: {line.strip()[:100]}"
        for file, content in texts
        if b"\0" not in content
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1)
        if TRACES.search(line) or (len(REPO.parts) > 2 and f"{REPO}/" in line)
    ]
    assert not found, "\n".join(found)
