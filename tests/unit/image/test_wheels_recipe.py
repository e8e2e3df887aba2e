"""The project's own Dockerfile read without an engine; anything that only an engine can do is refused with the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from spcs.errors import SettingsProblem
from spcs.image.wheels.recipe import Copy, Install, MakeFolder, MakeGroup, MakeUser, MakeVenv, Recipe, read
from tests.images import make_plan, write_code

PATH = {"PATH": "/usr/local/bin:/usr/bin"}


def of_project(folder: Path, apt: tuple[str, ...] = ()) -> Recipe:
    write_code(folder)
    return read(make_plan(folder, pins={"torch": "2.13.0", "six": "1.17.0"}, apt=apt).dockerfile, PATH)


def test_dockerfile_of_the_project_is_understood(tmp_path: Path) -> None:
    recipe = of_project(tmp_path)
    assert [step for step in recipe.steps if not isinstance(step, Copy | Install)] == [
        MakeGroup("app", 1000),
        MakeUser("app", 1000, 1000, "/home/app"),
        MakeFolder("/var/cache/uv"),
        MakeFolder("/home/app"),
        MakeFolder("/home/app", owner=1000),
        MakeFolder("/home/app"),
        MakeVenv("/opt/venv"),
    ]
    assert [step.path for step in recipe.steps if isinstance(step, Install)] == [
        "/opt/venv/requirements-heavy.txt",
        "/opt/venv/requirements-light.txt",
    ]
    assert recipe.steps[-1] == Copy("app", "/home/app/app", into=False)
    assert (recipe.folder, recipe.user, recipe.entrypoint) == ("/home/app", "1000:1000", ("python", "-m", "app"))
    assert recipe.variables == {
        "PATH": "/opt/venv/bin:/usr/local/bin:/usr/bin",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def test_debian_packages_are_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem) as caught:
        of_project(tmp_path, apt=("libgomp1",))
    assert "RUN apt-get update" in caught.value.what
    assert "image.apt" in caught.value.fix


@pytest.mark.parametrize(
    "line",
    [
        "RUN make",
        "RUN python3 -m venv /opt/venv && make",
        "RUN python3 /opt/uv/install.py -r /opt/venv/requirements.txt",
        "RUN python3 /opt/uv/install.py --require-hashes --no-deps -r /opt/venv/requirements.txt; make",
        "RUN pip install --require-hashes --no-deps -r /opt/venv/requirements.txt",
        "ADD https://example.com/model /model",
        "COPY --chown=1000 app app",
        "COPY a b c/",
        "COPY *.py app/",
        "FROM debian:12 AS second",
        'SHELL ["/bin/bash"]',
        "ENTRYPOINT python -m app",
        "HEALTHCHECK CMD true",
        "ENV A",
    ],
)
def test_what_only_an_engine_can_do_is_refused(line: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        read(f"FROM debian:12\n{line}\n", PATH)
    assert caught.value.what == f"without a container engine this cannot be done: {line}"
    assert caught.value.code == 2


def test_what_a_dockerfile_sets_is_taken_as_docker_takes_it() -> None:
    recipe = read(
        '# comment\nFROM debian:12\nENV A=1 \\\n    B="two words" C=$A-${B}\nENV PATH=/x:$PATH\n'
        'LABEL a="say \\"hi\\" for \\$5"\nWORKDIR /srv\nWORKDIR app\nCOPY main.py ./\nCOPY ["my data", "data"]\n'
        'ENTRYPOINT ["python"]\nCMD ["main.py"]\nUSER 7\n',
        PATH,
    )
    assert recipe.variables["C"] == "-"  # what the same instruction sets is not seen yet
    assert recipe.variables["PATH"] == "/x:/usr/local/bin:/usr/bin"
    assert recipe.labels == {"a": 'say "hi" for $5'}
    assert [step for step in recipe.steps if isinstance(step, Copy)] == [
        Copy("main.py", "/srv/app", into=True),
        Copy("my data", "/srv/app/data", into=False),
    ]
    assert (recipe.folder, recipe.user) == ("/srv/app", "7")
    assert (recipe.entrypoint, recipe.command) == (("python",), ("main.py",))
