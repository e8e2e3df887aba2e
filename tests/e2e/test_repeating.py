"""`inv run --set`, `--like` and sweeps as typed, and the list of runs that they leave."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

from tests.support import Outcome, Project

RUN = ("run", "--job", "tiny")


def name_of(done: Outcome) -> str:
    """The name of the run that a command started."""
    return next(line.split()[1] for line in done.stderr.splitlines() if line.startswith("started tiny_"))


def name_of_sweep(done: Outcome) -> str:
    return next(line.split()[1].rstrip(":") for line in done.stderr.splitlines() if line.startswith("sweep "))


def listed(project: Project, *words: str) -> list[dict[str, Any]]:
    done = project.inv("jobs", "--json", *words)
    assert done.code == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_set_changes_a_run_and_its_record_says_so(tiny: Project) -> None:
    done = tiny.inv(*RUN, "--set", "lr=0.75", "--set", "env.EXTRA='a,b'", "--set", "shm=1Gi")
    assert done.code == 0, done
    assert "lr=0.75" in done.stdout
    (run,) = listed(tiny, "--last", "1")
    assert run["set"] == {"lr": "0.75", "env.EXTRA": "a,b", "shm": "1Gi"}
    assert run["metrics"]["loss"] == 0.25
    spec = (tiny.root / ".spcs" / "runs" / run["run"] / "spec.yaml").read_text()
    assert 'EXTRA: "a,b"' in spec
    assert 'size: "1Gi"' in spec
    record = (tiny.root / ".spcs" / "runs" / f"{run['run']}.json").read_text()
    assert "correct-horse" in spec
    assert "correct-horse" not in record


def test_a_key_that_nothing_has_is_an_error_with_a_hint(tiny: Project) -> None:
    done = tiny.inv(*RUN, "--set", "replica=2")
    assert done.code == 2, done
    assert "did you mean 'replicas'?" in done.stderr
    done = tiny.inv("--dry", "run", "--job", "train", "--set", "learning_rat=2")
    assert done.code == 2, done
    assert "did you mean 'learning_rate'?" in done.stderr
    before = {run["run"] for run in listed(tiny, "--last", "0")}
    for wrong in ("replicas=1,none", "resources.requests.memory=1Gi,900Gi"):
        done = tiny.inv(*RUN, "--set", wrong)
        assert done.code == 2, done
    assert {run["run"] for run in listed(tiny, "--last", "0")} == before


def test_like_runs_the_same_again_from_another_machine(tiny: Project, tmp_path: Path) -> None:
    first = name_of(tiny.inv(*RUN, "--set", "lr=0.5"))
    other = Project(tmp_path / "other", tiny.env)
    shutil.copytree(tiny.root, other.root, ignore=shutil.ignore_patterns(".spcs"))
    other.edit("invoke.yaml", '--lr, "0.5"', '--lr, "0.9"')
    done = other.inv("run", "--like", first)
    assert done.code == 0, done
    second = name_of(done)
    assert "lr=0.5" in done.stdout
    assert f"like {first}: image" in done.stderr
    specs = [tiny.root / ".spcs" / "runs" / first, other.root / ".spcs" / "runs" / second]
    one, two = ((folder / "spec.yaml").read_text() for folder in specs)
    assert two == one.replace(first, second)

    done = other.inv("run", "--like", first, "--set", "lr=0.3")
    assert done.code == 0, done
    assert "lr=0.3" in done.stdout
    assert "has changed since" not in done.stderr
    newest = listed(other, "--last", "1")[0]
    assert (newest["like"], newest["set"]) == (first, {"lr": "0.3"})
    assert "correct-horse-battery" in (other.root / ".spcs" / "runs" / newest["run"] / "spec.yaml").read_text()


def test_like_a_run_whose_image_is_gone_says_what_to_do(tiny: Project) -> None:
    first = name_of(tiny.inv(*RUN))
    repository = "IMAGE REPOSITORY TRAINING_DB.TRAINING.IMAGES"
    tiny.sql(f"DROP {repository}", f"CREATE {repository}")
    done = tiny.inv("run", "--like", first)
    assert done.code == 3, done
    assert f"the image of the run {first} is not in the repository any more" in done.stderr
    assert "inv build push --job tiny" in done.stderr
    assert tiny.inv("build", "push", "--job", "tiny").code == 0
    assert tiny.inv("run", "--like", first).code == 0


def test_like_that_cannot_be_says_why(tiny: Project) -> None:
    done = tiny.inv("run", "--like", "tiny_20200101_000000_bcdf")
    assert done.code == 3, done
    assert "cannot be repeated" in done.stderr
    done = tiny.inv("run", "--like", "tiny_20200101_000000_bcdf", "--resume", "tiny_20200101_000000_bcdf")
    assert done.code == 2, done
    done = tiny.inv("run", "--like", "tiny_20200101_000000_bcdf", "--job", "train")
    assert done.code == 2, done
    assert "is no run of job 'train'" in done.stderr


def test_resume_takes_set_as_well_and_like_says_what_is_not_the_same(tiny: Project) -> None:
    first = name_of(tiny.inv(*RUN))
    done = tiny.inv("run", "--resume", first, "--set", "lr=0.3")
    assert done.code == 0, done
    (newest,) = listed(tiny, "--last", "1")
    assert (newest["resumes"], newest["set"]) == (first, {"lr": "0.3"})

    copy = tiny.root / ".spcs" / "runs" / f"{first}.json"
    record = json.loads(copy.read_text())
    record["image"]["digest"], record["settings"]["pool"]["instance_family"] = "sha256:0", "CPU_X64_M"
    copy.write_text(json.dumps(record))
    template = (tiny.root / "templates/spec.yaml.j2").read_text()
    tiny.write("templates/spec.yaml.j2", template + "# more\n")
    done = tiny.inv("--dry", "run", "--like", first, "--set", "lr=0.3")
    tiny.write("templates/spec.yaml.j2", template)
    assert done.code == 0, done
    assert "has changed since, so more differs than --set says" in done.stderr
    done = tiny.inv("run", "--like", first)
    assert done.code == 0, done
    assert "the image was built again from the same inputs since: it is sha256:" in done.stderr
    assert "and was sha256:0" in done.stderr
    assert "has machines of CPU_X64_S now, and had CPU_X64_M" in done.stderr


def test_a_sweep_runs_all_shows_the_best_and_fails_if_one_did(tiny: Project) -> None:
    done = tiny.inv(*RUN, "--set", "lr=0.5,0.25,2")
    assert done.code == 1, done
    table = done.stdout.splitlines()
    assert table[0].split() == ["run", "lr", "state", "took", "loss"]
    best, second, failed = (line.split() for line in table[1:])
    assert (best[0], best[2], best[3], best[-1]) == ("best", "0.25", "done", "0")
    assert (second[1], second[-1]) == ("0.5", "0.0625")
    assert failed[1:3] == ["2", "failed"]
    assert "1 of 3 runs of the sweep are not done" in done.stderr
    assert "lr=2: failed" in done.stderr
    assert f"inv fetch --run {best[1]}" in done.stderr
    sweep = name_of_sweep(done)
    again = tiny.inv("jobs", "--sweep", sweep)
    assert again.code == 0, again
    assert again.stdout == done.stdout
    by_steps = tiny.inv("jobs", "--sweep", sweep, "--best", "loss:max").stdout.splitlines()
    assert by_steps[1].split()[2] == "0.5"
    assert {each["sweep"] for each in listed(tiny, "--sweep", sweep)} == {sweep}


def test_ctrl_c_leaves_a_sweep_going_and_says_the_way_back(tiny: Project) -> None:
    env = {"INVOKE_JOBS_TINY_RESOURCES_REQUESTS_CPU": "2", "INVOKE_JOBS_TINY_RESOURCES_LIMITS_CPU": "2"}
    started = tiny.start(*RUN, "--set", "wait=120", "--set", "lr=0.1,0.2", env=env)
    assert started.stderr is not None
    said = ""
    while "running (1 of 2)" not in said:
        line = started.stderr.readline()
        assert line, said
        said += line
    started.send_signal(signal.SIGINT)
    rest = started.communicate(timeout=120)[1]
    assert started.returncode == 130, said + rest
    assert "1 at a time" in said
    assert "1 of its runs go on, 1 are not started" in rest
    assert "start with: inv run --job tiny --set wait=120 --set lr=0.2" in rest
    (run,) = listed(tiny, "--last", "1")
    assert run["state"] in ("RUNNING", "PENDING")
    assert tiny.inv("cancel", "--run", run["run"]).code == 0


def test_a_time_limit_leaves_a_sweep_going_and_says_the_way_back(tiny: Project) -> None:
    env = {"INVOKE_JOBS_TINY_RESOURCES_REQUESTS_CPU": "2", "INVOKE_JOBS_TINY_RESOURCES_LIMITS_CPU": "2"}
    words = ("--set", "wait=120", "--set", "lr=0.1,0.2", "--set", "env.NOTE='a, b'")
    done = tiny.inv(*RUN, *words, "--timeout", "1s", env=env)
    assert done.code == 3, done
    sweep = name_of_sweep(done)
    assert done.stderr.splitlines()[-5:] == [
        f"error: the sweep {sweep} has not ended within 1 s",
        "  1 of its runs go on, 1 are not started",
        f"  fix: inv jobs --sweep {sweep}",
        """       inv run --job tiny --set wait=120 --set lr=0.2 --set 'env.NOTE='"'"'a, b'"'"''""",
        "       (the first shows them, each of the others starts one)",
    ]
    (run,) = listed(tiny, "--sweep", sweep)
    assert run["state"] in ("RUNNING", "PENDING")
    assert tiny.inv("cancel", "--run", run["run"]).code == 0


def test_the_rest_of_a_sweep_is_started_like_its_first(tiny: Project) -> None:
    env = {"INVOKE_JOBS_TINY_RESOURCES_REQUESTS_CPU": "2", "INVOKE_JOBS_TINY_RESOURCES_LIMITS_CPU": "2"}
    assert tiny.inv(*RUN, env=env).code == 0
    (first,) = listed(tiny, "--last", "1")
    words = ("--set", "wait=120", "--set", "lr=0.1,0.2", "--timeout", "1s")
    for told, again in (
        (("--like", first["run"]), f"--like {first['run']}"),
        (("--resume", first["run"]), f"--job tiny --resume {first['run']}"),
    ):
        done = tiny.inv("run", *told, *words, env=env)
        assert done.code == 3, done
        assert f"       inv run {again} --set wait=120 --set lr=0.2" in done.stderr.splitlines()
        (run,) = listed(tiny, "--sweep", name_of_sweep(done))
        assert tiny.inv("cancel", "--run", run["run"]).code == 0


def test_a_sweep_that_ends_within_its_time_limit_is_as_one_without(tiny: Project) -> None:
    done = tiny.inv(*RUN, "--set", "lr=0.5,0.25", "--timeout", "10m")
    assert done.code == 0, done
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["loss", "0", "0.0625"]


def test_more_runs_than_a_sweep_has_are_refused(tiny: Project) -> None:
    done = tiny.inv(*RUN, "--set", f"lr={','.join(map(str, range(201)))}")
    assert done.code == 2, done
    assert "--set asks for 201 runs" in done.stderr
    assert "fix: give fewer values, or start several sweeps" in done.stderr


def test_a_sweep_that_is_not_followed_starts_all_and_a_dry_one_none(tiny: Project) -> None:
    before = len(listed(tiny, "--last", "0"))
    done = tiny.inv("--dry", *RUN, "--set", "lr=0.1,0.2")
    assert done.code == 0, done
    assert done.stdout.count("EXECUTE JOB SERVICE") == 2
    assert "-- lr=0.2" in done.stdout
    assert len(listed(tiny, "--last", "0")) == before
    done = tiny.inv(*RUN, "--set", "lr=0.1,0.2", "--no-follow")
    assert done.code == 0, done
    names = done.stdout.split()
    assert len(names) == 2
    assert {each["run"] for each in listed(tiny, "--sweep", names[0])} == set(names)
