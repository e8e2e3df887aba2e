"""Templates: exact text, errors with file and line, nothing left for Snowflake's own templating to fill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from spcs.errors import SettingsProblem
from spcs.render import render


def made(tmp_path: Path, text: str, **values: Any) -> str:
    (tmp_path / "t.j2").write_text(text)
    return render(tmp_path, "t.j2", values)


@pytest.mark.parametrize("written", ["imge", "imge | tojson"])
def test_an_undefined_name_is_an_error_with_file_and_line(tmp_path: Path, written: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        made(tmp_path, f"a: 1\nb: {{{{ {written} }}}}\n", image="x")
    assert caught.value.what == "t.j2:2: 'imge' is undefined"
    assert "image" in caught.value.fix
    assert caught.value.code == 2


def test_an_undefined_name_in_a_parent_names_the_parent(tmp_path: Path) -> None:
    (tmp_path / "base.j2").write_text("top\n\n{{ nothing }}\n{% block b %}{% endblock %}\n")
    with pytest.raises(SettingsProblem, match=r"base\.j2:3: 'nothing' is undefined"):
        made(tmp_path, '{% extends "base.j2" %}{% block b %}x{% endblock %}')


def test_a_syntax_error_has_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match=r"t\.j2:2: "):
        made(tmp_path, "a\n{% if %}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{{ 1/0 }}", "ZeroDivisionError: division by zero"),
        ("{{ image + 1 }}", "TypeError: can only concatenate str"),
        ("{% for i in 5 %}x{% endfor %}", "TypeError: 'int' object is not iterable"),
        ("{{ thing | tojson }}", "TypeError: Object of type object is not JSON serializable"),
        ("{{ image.upper(3) }}", "TypeError: "),
        ('{% include "none.j2" %}', "there is no template none.j2"),
        ("{{ image | nofilter }}", "No filter named 'nofilter'"),
        ("{% for %}", "t.j2:2: "),
        ('{% extends "t.j2" %}', "the template goes round in circles"),
        ('{% include "t.j2" %}', "the template goes round in circles"),
    ],
)
def test_whatever_a_template_does_wrong_is_a_line_with_file_and_fix(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        made(tmp_path, f"a\n{line}\n", image="x", thing=object())
    assert said in caught.value.what
    assert "t.j2:2" in caught.value.what + caught.value.why
    assert caught.value.fix


@pytest.mark.parametrize("name", ["digits.parquet", "folder"])
def test_what_is_no_template_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "digits.parquet").write_bytes(b"PAR1\x15\x04\xff\xfe")
    with pytest.raises(SettingsProblem) as caught:
        render(tmp_path, name, {})
    assert name in caught.value.what
    assert caught.value.fix


def test_a_template_of_another_name_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a\nb: {{ nothing }}\n")
    with pytest.raises(SettingsProblem, match=r"mine\.yaml:2: 'nothing' is undefined"):
        render(tmp_path, "mine.yaml", {})


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match=r"there is no template none\.j2"):
        render(tmp_path, "none.j2", {})


@pytest.mark.parametrize("left", ["{{ tag }}", "{% if x %}"])
def test_template_marks_in_the_result_are_an_error(tmp_path: Path, left: str) -> None:
    with pytest.raises(SettingsProblem, match=r"leaves '\{.' in line 2") as caught:
        made(tmp_path, "a\nimage: {{ image }}\n", image=left)
    assert left in caught.value.why


@pytest.mark.parametrize("text", ["x: y # z", "it's", '"quoted"', "- a", "é ü", "back\\slash", "a\nb"])
def test_tojson_keeps_any_text_what_it_is(tmp_path: Path, text: str) -> None:
    assert yaml.safe_load(made(tmp_path, "a: {{ a | tojson }}\n", a=text)) == {"a": text}


def test_a_tag_on_a_line_of_its_own_leaves_nothing_and_one_at_a_lines_end_keeps_it(tmp_path: Path) -> None:
    text = "a:\n  {% for i in n %}\n  - {{ i }}\n  {% endfor %}\nb: {% block b %}2{% endblock %}\nc: 3\n"
    assert made(tmp_path, text, n=[1, 2]) == "a:\n  - 1\n  - 2\nb: 2\nc: 3\n"


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    values = {"env": {"B": "1", "A": "2"}}
    text = "{% for k, v in env.items() %}\n{{ k }}={{ v }}\n{% endfor %}\n"
    assert made(tmp_path, text, **values) == made(tmp_path, text, **values) == "B=1\nA=2\n"
