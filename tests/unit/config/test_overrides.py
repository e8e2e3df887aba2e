from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from spcs.config import ComputePool, Job, Settings
from spcs.config.overrides import applied, choices, combinations, key, options, word
from spcs.errors import SettingsProblem
from tests.support import REPO

APP = Job(args=("--data", "DIGITS", "--image", "8x8"))
OWN = Job(command=("python", "x.py", "--lr", "0.1"), args=("--epochs=3", "--amp"))
SETTINGS = Settings(jobs={"train": APP})


def changed(job: Job, **overrides: str) -> Job:
    """The job with overrides, whose dots are written as two underscores here."""
    known = options(REPO, job)
    found = [(key(name.replace("__", "."), job, known), text) for name, text in overrides.items()]
    return applied(SETTINGS, "train", job, found)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("lr=1e-2,1e-3", {"lr": ("1e-2", "1e-3")}),
        ("features='A,B',C", {"features": ("A,B", "C")}),
        ('args=[--a, "b,c"]', {"args": ('[--a, "b,c"]',)}),
        ("env.X={a: 1, b: 2}", {"env.X": ("{a: 1, b: 2}",)}),
        ("x=", {"x": ("",)}),
        ("x=a=b", {"x": ("a=b",)}),
    ],
)
def test_a_comma_parts_values_unless_it_is_quoted_or_in_brackets(word: str, found: dict[str, Any]) -> None:
    assert choices([word]) == found


@pytest.mark.parametrize("words", [["lr"], ["=3"], ["lr=1", "lr=2"]])
def test_words_that_set_nothing_are_errors(words: list[str]) -> None:
    with pytest.raises(SettingsProblem, match="--set") as caught:
        choices(words)
    assert caught.value.code == 2


def test_several_keys_make_every_combination() -> None:
    assert combinations(choices(["a=1,2", "b=x,y", "c=0"])) == [
        {"a": "1", "b": "x", "c": "0"},
        {"a": "1", "b": "y", "c": "0"},
        {"a": "2", "b": "x", "c": "0"},
        {"a": "2", "b": "y", "c": "0"},
    ]
    assert combinations({}) == [{}]


def test_options_of_app_are_added_to_its_arguments_or_change_those_that_stand_there() -> None:
    assert changed(APP, learning_rate="0.1").args == (*APP.args, "--learning-rate=0.1")
    assert changed(APP, lr="0.1", image="4x4").args == ("--data", "DIGITS", "--image", "4x4", "--learning-rate=0.1")
    assert changed(APP, **{"batch-size": "8"}).args[-1] == "--batch-size=8"
    assert changed(APP, compile="true").args[-1] == "--compile=true"


def test_options_of_a_program_of_ones_own_are_those_that_its_words_have() -> None:
    job = changed(OWN, lr="0.2", epochs="5", amp="false")
    assert (job.command, job.args) == (("python", "x.py", "--lr", "0.2"), ("--epochs=5", "--amp=false"))
    with pytest.raises(SettingsProblem, match="in its command or args") as caught:
        changed(OWN, learning_rate="1")
    assert "choose from lr, epochs, amp" in caught.value.fix


def test_settings_of_the_job_are_named_by_their_path() -> None:
    job = changed(APP, replicas="3", resources__limits__memory="8Gi", env__NCCL_DEBUG="INFO", shm="2Gi")
    assert (job.replicas, job.resources.limits.memory, job.env, job.shm) == (3, "8Gi", {"NCCL_DEBUG": "INFO"}, "2Gi")
    assert changed(APP, args="[--steps, '3']").args == ("--steps", "3")
    assert changed(APP, compute_pool__max_nodes="4").compute_pool == ComputePool(max_nodes=4)


def test_a_name_that_both_have_is_the_jobs_and_args_is_the_programs() -> None:
    assert changed(APP, output="/opt/here").output == "/opt/here"
    assert changed(APP, args__output="here").args[-1] == "--output=here"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("learning_rat", "1", "did you mean 'learning_rate'?"),
        ("replica", "1", "did you mean 'replicas'?"),
        ("resources.limits.memry", "1Gi", "did you mean 'resources.limits.memory'?"),
        ("replicas", "many", "'jobs.train.replicas' must be a whole number, not 'many' (--set replicas)"),
        ("replicas", "0", "'jobs.train.replicas' is 0 (--set replicas)"),
        ("steps", "1.5", "--set steps must be a whole number, not '1.5'"),
        ("lr", "fast", "--set learning_rate must be a number, not 'fast'"),
        ("compile", "maybe", "--set compile must be true or false, not 'maybe'"),
        ("env.1X", "a", "(--set env.1X)"),
        ("pins.torch", "2.0", "it decides what is in the image"),
        ("code", "[x]", "it decides what is in the image"),
    ],
)
def test_what_cannot_be_set_says_why(name: str, text: str, said: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        applied(SETTINGS, "train", APP, [(key(name, APP, options(REPO, APP)), text)])
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["0.1", "", "a,b", " a, b ", "[a, b]", "it's", "it's, so", "'quoted'", "$HOME", "a=b"])
def test_a_value_can_be_written_so_that_a_shell_and_set_read_it_again(text: str) -> None:
    assert choices(shlex.split(word("env.NOTE", text))) == {"env.NOTE": (text,)}


def test_a_value_of_the_wrong_kind_says_how_to_write_it() -> None:
    for name, fix in {
        "steps": "give it a whole number: --set steps=...",
        "replicas": "give it a whole number: --set replicas=2",
        "network": "give it a list: --set network='[abc]'",
    }.items():
        with pytest.raises(SettingsProblem) as caught:
            applied(SETTINGS, "train", APP, [(key(name, APP, options(REPO, APP)), "abc")])
        assert caught.value.fix == fix


def test_app_is_read_where_it_is(tmp_path: Path) -> None:
    assert options(tmp_path, Job()) == {}
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "config.py").write_text("class Config:\n    width: int = 3\n    height: float = 1.0\n")
    assert {name: option.kind for name, option in options(tmp_path, Job()).items()} == {
        "width": "int",
        "height": "float",
    }
