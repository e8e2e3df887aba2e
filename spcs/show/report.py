"""The stories of runs as one page. `templates/report.html.j2` gives it its looks; `spcs.show.part` is about one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spcs.run.measures import Series
from spcs.run.story import Story, periods
from spcs.show.compare import Comparison, compared, differing, flattened, metrics, telling
from spcs.show.curves import LEARNING, MACHINE, SPEED, Drawing, Told, drawings
from spcs.show.part import WORDS, Part, moment, part


@dataclass(frozen=True)
class Page:
    """What the template gets. `legend` is (kind, words) of the periods in the bars; `program` is what the
    programs say of their settings, `project` what invoke.yaml made of the runs; `differences` are those of both that
    the runs do not share."""

    title: str
    jobs: str
    told: str
    runs: tuple[Part, ...]
    metrics: Comparison
    legend: tuple[tuple[str, str], ...]
    learning: tuple[Drawing, ...]
    speed: tuple[Drawing, ...]
    machine: tuple[Drawing, ...]
    program: Comparison
    project: Comparison
    differences: Comparison

    @property
    def several(self) -> bool:
        return len(self.runs) > 1


def page(stories: Sequence[Story]) -> Page:
    """Return the page of one run, or of several beside each other, in the order given."""
    longest = max(sum(period.seconds for period in periods(story)) for story in stories)
    runs = tuple(part(story, number, longest) for number, story in enumerate(stories))
    told = [Told(run.letter, run.colour, story.measures) for run, story in zip(runs, stories, strict=True)]
    counted_by = " or ".join(dict.fromkeys(story.counted_by for story in stories if story.measures)) or "step"
    kinds = {kind for run in runs for kind, _, _ in run.periods}
    programs = [_flat(story, story.program) for story in stories]
    projects = [_project(story) for story in stories]
    return Page(
        title=runs[0].name if len(runs) == 1 else f"{len(runs)} runs",
        jobs=", ".join(dict.fromkeys(run.job for run in runs)),
        told=moment(max(story.told for story in stories)),
        runs=runs,
        metrics=telling(metrics([story.verdict.metrics or {} for story in stories])),
        legend=tuple((kind, words) for kind, words in WORDS.items() if kind in kinds),
        learning=tuple(drawings(told, LEARNING, counted_by)),
        speed=tuple(drawings(told, SPEED, counted_by)),
        machine=(*drawings(told, MACHINE, counted_by), *_resources(stories, runs)),
        program=compared(programs),
        project=compared(projects),
        differences=differing(programs) + differing(projects),
    )


def _project(story: Story) -> dict[str, str]:
    """What the project's settings made of the run: those of its job, and its image."""
    record = story.record
    settings = {name: part for name, part in record.settings.items() if name != "pins"}
    return _flat(story, settings) | ({"image tag": record.image.tag} if record.image.tag else {})


def _flat(story: Story, settings: Mapping[str, Any]) -> dict[str, str]:
    """As one table; that a run's own folder bears its name is no difference to another run."""
    return {name: text.replace(story.run.name, "<run>") for name, text in flattened(settings).items()}


def _resources(stories: Sequence[Story], runs: Sequence[Part]) -> list[Drawing]:
    """What the account measured of the containers, over the seconds since the run began."""
    told = []
    for story, run in zip(stories, runs, strict=True):
        begin = story.begin.timestamp() if story.begin else 0.0
        series: dict[str, Series] = {}
        for each in story.resources:
            name = f"{each.name} ({each.unit})" if each.unit else each.name
            several = sum(other.name == each.name for other in story.resources) > 1
            series[f"{name} {each.where}" if several else name] = tuple((at - begin, y) for at, y in each.series)
        told.append(Told(run.letter, run.colour, series))
    return drawings(told, MACHINE, "second") if any(each.measures for each in told) else []
