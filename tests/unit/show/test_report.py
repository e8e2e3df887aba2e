"""What stands on the page of one run or several."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from spcs.render import page as rendered
from spcs.run.model import Run, State, Verdict
from spcs.run.record import End
from spcs.run.story import Resource, Story
from spcs.show.report import page
from tests import stories
from tests.stories import BEGUN
from tests.support import REPO

VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Outline(HTMLParser):
    """Reads a page and notes its tags, in the order they open; every one must be closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another"


def html(*told: Story) -> str:
    return rendered(REPO, "templates/report.html.j2", {"page": page(told)})


@pytest.mark.parametrize(
    "told",
    [
        [stories.done()],
        [stories.failed()],
        [stories.silent()],
        [stories.done(0), stories.done(1), stories.failed(), stories.silent()],
        [replace(stories.done(), pictures=(stories.picture(),), predictions=({"label": "<b>", "predicted": "3"},))],
    ],
)
def test_every_page_is_well_formed_loads_nothing_and_runs_nothing(told: list[Story]) -> None:
    text = html(*told)
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    names = {tag for tag, _ in outline.tags}
    assert not names & {"script", "link", "iframe", "object", "form", "base"}
    for tag, attributes in outline.tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert (attributes.get("href") or "#").startswith("#")
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in text


def test_what_a_run_says_is_text_and_never_markup() -> None:
    text = html(stories.failed())
    assert "&lt;script&gt;document.title = &#39;taken over&#39;&lt;/script&gt;" in text
    assert "<script" not in text
    assert "<img src=x" not in text


def test_the_marks_of_a_template_in_a_log_are_text() -> None:
    log = (stories.line(1, "{{ 7 * 7 }} {% raw %}"),)
    assert "{{ 7 * 7 }} {% raw %}" in html(replace(stories.done(), lines=log))


def test_the_verdict_comes_first_then_what_to_do_then_the_log() -> None:
    text = html(stories.failed())
    wanted = [
        ">Failed</span> after 4.0 s",
        "Container main of instance 0",
        "What to do",
        "ValueError:",
        ">Time</h2>",
        'class="log"',
    ]
    places = [text.index(each) for each in wanted]
    assert places == sorted(places)


def test_a_run_without_measurements_says_so() -> None:
    text = html(stories.silent())
    assert "No measurements: the program wrote no <code>metrics.jsonl</code>" in text
    assert "There are no log lines." in text


def test_several_runs_have_their_best_metrics_and_their_differences_marked() -> None:
    found = page([stories.done(0), stories.done(1)])
    rows = {name: [(cell.text, cell.best) for cell in cells] for name, cells in found.metrics.rows}
    assert rows["accuracy"] == [("0.9807", True), ("0.9607", False)]
    assert "steps" not in rows  # the same in both
    assert {name for name, _ in found.differences.rows} == {"learning_rate", "seed"}
    assert found.differences.same > 8
    assert [run.letter for run in found.runs] == ["A", "B"]


def test_a_run_s_own_name_in_a_setting_is_no_difference() -> None:
    told = [
        replace(each, program={"output": f"/x/{each.run.name}/output"}) for each in (stories.done(0), stories.done(1))
    ]
    assert "output" not in {name for name, _ in page(told).differences.rows}


def test_a_very_long_line_is_cut_and_says_how_long_it_was() -> None:
    log = (stories.line(1, "y" * 1_000_000),)
    (shown,) = page([replace(stories.done(), lines=log)]).runs[0].log
    assert len(shown.text) < 2100
    assert shown.text.endswith("(1,000,000 characters)")


def test_only_the_last_lines_of_a_long_log_are_shown() -> None:
    run = page([replace(stories.done(), lines=tuple(stories.line(1, str(at)) for at in range(5000)))]).runs[0]
    assert (run.lines, len(run.log), run.log[-1].text) == (5000, 200, "4999")
    assert "the last 200 of 5000 lines" in html(
        replace(stories.done(), lines=tuple(stories.line(1, "x") for _ in range(5000)))
    )


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_page(state: State) -> None:
    story = stories.done()
    changed = replace(story, snapshot=replace(story.snapshot, state=state), verdict=Verdict(story.run, state, ""))
    assert f">{state.word.capitalize()}</span>" in html(changed)


def test_what_the_account_measured_is_drawn_by_the_seconds_of_the_run() -> None:
    begun = BEGUN.timestamp()
    cpu = [
        Resource("container.cpu.usage", "cores", where, ((begun, 0.5), (begun + 60, 1.5))) for where in ("0/m", "1/m")
    ]
    memory = Resource("container.memory.usage", "bytes", "0/m", ((begun + 60, 2e9),))
    (first, second, third) = page([replace(stories.done(), resources=(*cpu, memory))]).machine
    assert [each.title for each in (first, second, third)] == [
        *("container.cpu.usage (cores) 0/m", "container.cpu.usage (cores) 1/m", "container.memory.usage (bytes)"),
    ]
    assert (first.by, first.keys[0].last, first.keys[0].note) == ("by second", "1.5", "at second 60")


def test_what_a_run_cost_is_told_where_the_rate_is_known() -> None:
    story = stories.done()
    record = replace(story.record, end=End(State.DONE, credits=0.0123))
    assert "about 0.0123 credits" in html(replace(story, record=record))
    assert "credits" not in html(story)


def test_a_run_of_another_account_is_named_by_its_connection() -> None:
    story = stories.done()
    far = Run(story.run.name, "D", "S", "D.S.R", "mine")
    text = html(replace(story, verdict=replace(story.verdict, run=far)))
    assert "connection mine" in text
