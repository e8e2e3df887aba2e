from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from spcs.errors import SettingsProblem
from spcs.run import names

NOON = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)


def test_a_run_is_named_by_job_time_and_four_characters() -> None:
    assert re.fullmatch(r"train_20260827_120005_[a-z2-9]{4}", names.new_run("train", NOON))


def test_the_time_in_a_name_is_utc() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert names.new_run("train", tokyo).startswith("train_20260827_120005_")


def test_the_suffix_has_no_vowel_and_nothing_to_misread() -> None:
    suffixes = "".join(names.new_run("train", NOON)[-4:] for _ in range(300))
    assert not set(suffixes) & set("aeiouy01l")


def test_names_of_one_second_differ() -> None:
    assert len({names.new_run("train", NOON) for _ in range(50)}) > 45


def test_the_longest_job_name_still_makes_a_legal_service_name() -> None:
    run = names.new_run("j" * names.LONGEST_JOB, NOON)
    assert len(run) == names.LONGEST == 63
    assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", run.replace("_", "-"))


def test_dashes_and_capitals_of_a_job_become_what_snowflake_takes() -> None:
    assert names.new_run("Fine-Tune", NOON).startswith("fine_tune_2026")


@pytest.mark.parametrize("job", ["9lives", "", "a b", "ünïcode", "a.b", "_x", "j" * 43])
def test_a_job_name_that_snowflake_would_refuse_is_refused_here(job: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        names.new_run(job, NOON)
    assert "invoke.yaml" in caught.value.fix


def test_a_name_gives_back_its_job_and_its_time() -> None:
    run = names.new_run("my_2nd_job", NOON)
    assert names.job_of(run) == "my_2nd_job"
    assert names.started(run) == NOON


def test_a_run_is_known_in_the_upper_case_of_snowflake() -> None:
    run = names.new_run("train", NOON)
    assert names.known_run(run.upper()) == run


@pytest.mark.parametrize("word", ["train", "train_20260827_120005", "train_20260827_120005_abcd", "TRAIN_1"])
def test_another_word_is_no_run(word: str) -> None:
    assert not names.is_run(word)
    with pytest.raises(SettingsProblem):
        names.known_run(word)


def test_the_places_of_a_run_lie_below_one_folder() -> None:
    assert names.spec_path("D.S.RUNS", "r") == "@D.S.RUNS/runs/r/spec.yaml"
    assert names.output_folder("D.S.RUNS", "r") == "@D.S.RUNS/runs/r/output/"
