from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from app.config import Config, Problem, changes, resolve


def test_flags_win_over_variables_and_variables_over_defaults() -> None:
    config = resolve(["--steps", "7"], {"TRAIN_STEPS": "8", "TRAIN_BATCH_SIZE": "16"})
    assert (config.steps, config.batch_size, config.hidden) == (7, 16, Config().hidden)


def test_every_field_is_a_flag_and_a_variable() -> None:
    for item in fields(Config):
        kind: object = type(item.default)
        text = "0.01" if kind is float else "true" if kind is bool else "3"
        text = (item.metadata["choices"] or (text,))[-1]
        by_flag = resolve([f"--{item.name.replace('_', '-')}={text}"], {})
        assert by_flag == resolve([], {f"TRAIN_{item.name.upper()}": text})
        assert str(getattr(by_flag, item.name)).lower() == text


def test_a_switch_needs_no_value_and_can_be_turned_off() -> None:
    assert resolve(["--compile", "--steps", "3"], {}).compile
    assert not resolve(["--compile=false"], {"TRAIN_COMPILE": "true"}).compile


def test_output_may_come_from_mount_path() -> None:
    assert resolve([], {"MOUNT_PATH": "/there"}).output == "/there"
    assert resolve([], {"MOUNT_PATH": "/there", "TRAIN_OUTPUT": "/here"}).output == "/here"
    assert resolve([], {}).output == "output"


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().steps = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("argv", "env", "what", "fix"),
    [
        (["--setps", "5"], {}, "unknown setting --setps", "did you mean --steps?"),
        (["--step", "5"], {}, "unknown setting --step", "did you mean --steps?"),
        (["extra"], {}, "unknown setting extra", "choose from --data, "),
        ([], {"TRAIN_STEPZ": "5"}, "unknown setting TRAIN_STEPZ", "did you mean TRAIN_STEPS?"),
        (["--steps", "many"], {}, "--steps is 'many'", "give it, or TRAIN_STEPS, a whole number"),
        ([], {"TRAIN_DROPOUT": "x"}, "--dropout is 'x'", "give it, or TRAIN_DROPOUT, a number"),
        (["--steps", "0"], {}, "--steps is 0", "from 1 to 1000000000"),
        (["--learning-rate", "nan"], {}, "--learning-rate is nan", "from 1e-09 to 10"),
        (["--keep", "1"], {}, "--keep is 1", "from 2 to 1000"),
        (["--compile", "maybe"], {}, "--compile is 'maybe'", "or TRAIN_COMPILE, true or false"),
        (["--device", "gpu"], {}, "--device is 'gpu'", "choose from auto, cpu, cuda, mps"),
        (["--precision", "fp16"], {}, "--precision is 'fp16'", "auto, bf16, fp32"),
        (["--steps"], {}, "argument --steps: expected one argument", "python -m app --help"),
    ],
)
def test_bad_words_name_the_setting_and_what_mends_it(
    argv: list[str], env: dict[str, str], what: str, fix: str
) -> None:
    with pytest.raises(Problem) as problem:
        resolve(argv, env)
    first, second = str(problem.value).splitlines()
    assert first == f"error: {what}"
    assert second.startswith("fix: ")
    assert fix in second
    assert problem.value.code == 2


def test_other_words_for_the_same_columns_are_no_other_run() -> None:
    """What they come to is in the fingerprint of the data."""
    before = {"columns": '{"CITY": {"kind": "category"}}'}
    assert changes(Config(columns="columns.json"), before, fixed=True) == []
    assert len(changes(Config(columns="columns.json"), before, fixed=False)) == 1


def test_changes_tell_fixed_settings_from_others() -> None:
    before = {"seed": 0, "steps": 10, "batch_size": 64, "a_setting_of_another_version": 1}
    config = Config(seed=1, steps=20)
    assert changes(config, before, fixed=True) == ["--seed was 0, now 1"]
    assert changes(config, before, fixed=False) == ["--steps was 10, now 20"]
