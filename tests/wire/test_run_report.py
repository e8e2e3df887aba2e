"""Reports of real jobs of a real local account, opened in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spcs import render
from spcs.run import files, gather, watch
from spcs.run.model import State
from spcs.run.story import Story
from spcs.show.report import page
from tests import stories
from tests.browser import Browser
from tests.support import REPO
from tests.wire.desk import Desk, desk

TRAINING = """
import base64, json, os, pathlib
output = pathlib.Path(os.environ["MOUNT_PATH"])
print("device=cpu <script>document.title = 'taken over'</script>")
for step in range(1, 6):
    print(f"step={step} loss={1 / step:.3g} gpu_gib=1.5")
(output / "metrics.jsonl").write_text("".join(json.dumps({"step": s, "loss": 1 / s}) + "\\n" for s in range(1, 6)))
(output / "config.json").write_text(json.dumps({"learning_rate": RATE, "steps": 5}))
(output / "predictions.json").write_text(json.dumps([{"label": "3", "predicted": "<b>8", "sure": 0.92}]))
(output / "predictions.png").write_bytes(base64.b64decode(PICTURE))
(output / "metrics.json").write_text(json.dumps({"accuracy": 0.98, "loss": 0.2 + RATE}))
"""


def training(rate: float) -> str:
    return f"RATE, PICTURE = {rate}, {base64.b64encode(stories.picture().content).decode()!r}\n" + TRAINING


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("report")) as made:
        yield made


@pytest.fixture(scope="module")
def told(at: Desk) -> dict[str, Story]:
    """Three runs that have ended, by a word for each."""
    codes = {"good": training(0.1), "other": training(0.2), "bad": "print('step=1')\nraise ValueError('<i>bad</i>')"}
    runs = {word: at.start(code) for word, code in codes.items()}
    for run in runs.values():
        at.follow(run)
    return {word: gather.story(at.account, at.root, run) for word, run in runs.items()}


@pytest.fixture
def shown(chromium: Browser, tmp_path: Path) -> Callable[..., Browser]:
    """Opens a report of these stories, and makes sure that the browser has nothing to say of it."""

    def show(*told: Story, **look: object) -> Browser:
        file = tmp_path / "report.html"
        file.write_text(render.page(REPO, "templates/report.html.j2", {"page": page(told)}), encoding="utf-8")
        chromium.look(**look)  # type: ignore[arg-type]
        chromium.open(file.as_uri())
        assert chromium.log() == []
        return chromium

    return show


def test_a_story_has_what_the_run_left(told: dict[str, Story]) -> None:
    good = told["good"]
    assert good.snapshot.state is State.DONE
    assert good.measures["loss"][-1] == (5.0, 0.2)
    assert good.measures["gpu_gib"] == tuple((float(step), 1.5) for step in range(1, 6))  # from the log alone
    assert good.program == {"learning_rate": 0.1, "steps": 5}
    assert [picture.path for picture in good.pictures] == ["predictions.png"]
    assert good.verdict.metrics == {"accuracy": 0.98, "loss": 0.30000000000000004}
    assert "MOUNT_PATH" in good.texts["spec.yaml"]
    assert good.unmeasured == "The local account has no measurements of processors, memory and GPUs."


def test_a_run_that_goes_on_and_one_that_was_dropped_have_stories(at: Desk) -> None:
    run = at.start("import os, time\nprint('step=1 loss=2', flush=True)\ntime.sleep(300)")
    while not (going := gather.story(at.account, at.root, run)).measures:
        assert not going.snapshot.state.final
    assert going.snapshot.state is State.RUNNING
    assert going.end == going.told
    files.drop(at.account, run)
    with pytest.raises(watch.RunMissing):
        gather.story(at.account, at.root, run)


def test_what_a_dropped_run_left_on_the_stage_is_told(at: Desk, told: dict[str, Story]) -> None:
    run = at.start(training(0.3))
    at.follow(run)
    files.drop(at.account, run)
    story = gather.story(at.account, at.root, run)
    assert story.snapshot.state is State.DELETED
    assert story.measures["loss"][-1] == (5.0, 0.2)
    assert "does not know the run any more" in story.notes[0]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("words", [("good",), ("bad",), ("good", "other", "bad")])
def test_a_report_is_readable_everywhere(
    told: dict[str, Story], shown: Callable[..., Browser], words: tuple[str, ...], dark: bool, width: int
) -> None:
    window = shown(*(told[word] for word in words), dark=dark, width=width)
    assert window.run("return document.documentElement.scrollWidth") <= width
    faint = window.run(CONTRASTS)
    assert faint == [], "text that is hard to read: colour, background, ratio"
    small = window.run("return [...document.querySelectorAll('svg text')].filter(t => t.getBBox().height < 9).length")
    assert small == 0


@pytest.mark.browser
def test_a_report_says_the_verdict_draws_the_curve_and_shows_the_picture(
    told: dict[str, Story], shown: Callable[..., Browser]
) -> None:
    window = shown(told["good"])
    assert window.run("return document.title") == told["good"].run.name
    assert window.run("return document.querySelector('h1').innerText").startswith("Done in")
    assert window.run("return document.querySelector('img').naturalWidth") == 432
    assert window.run("return document.querySelector('#learning .line').getTotalLength()") > 500
    assert "<b>8" in window.run("return document.querySelector('#pictures').innerText")
    assert "taken over" in window.run("return document.querySelector('.log').textContent")


@pytest.mark.browser
def test_what_the_pointer_rests_on_says_its_values(told: dict[str, Story], shown: Callable[..., Browser]) -> None:
    window = shown(told["good"])
    strips = window.run("return [...document.querySelectorAll('#learning .strip title')].map(t => t.textContent)")
    assert strips[0] == "step 1\nloss: 1"
    assert len(strips) == 5


@pytest.mark.browser
def test_a_report_needs_no_script(told: dict[str, Story], shown: Callable[..., Browser]) -> None:
    window = shown(told["bad"], scripts=False)
    assert "ValueError: <i>bad</i>" in window.run("return document.querySelector('.trouble').innerText")


@pytest.mark.browser
def test_a_report_is_printed_whole_and_light(told: dict[str, Story], shown: Callable[..., Browser]) -> None:
    window = shown(told["good"], dark=True, media="print")
    assert window.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert window.run("return document.querySelector('details .log').checkVisibility()") is True
    assert window.printed().startswith(b"%PDF")


#: Texts whose colour and background are closer than WCAG's 4.5 to 1 (AA), with what they are.
CONTRASTS = """
const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$|transparent/.test(c)) return c; } return "rgb(255, 255, 255)"; };
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest('title, style, script')) continue;
    const style = getComputedStyle(e), ink = e.closest('svg') ? style.fill : style.color, paper = behind(e);
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push([walk.currentNode.data.trim().slice(0, 30), ink, paper, ratio]);
}
return found;
"""
