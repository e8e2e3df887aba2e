"""One run on a page: what stands there, in which words. Texts are plain; the template escapes them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from spcs.run.model import ContainerStatus, State, readable_amount, readable_size
from spcs.run.story import Picture, Story, periods, readable
from spcs.show.chart import Span, bar
from spcs.show.compare import is_single, measured
from spcs.show.jobs import settings
from spcs.show.runs import duration

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LAST_LINES = 200
LONGEST_LINE = 2000
MOST_FIGURES = 8
MOST_OUTPUTS = 100
MOST_WRONG = 12

WORDS = {
    "waiting": "waiting for a machine and the image",
    "starting": "starting, until its first measurement",
    "training": "training",
    "running": "running",
    "ending": "ending, after its last measurement",
}

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Line:
    """A line of the log: when it came, from where if there are several containers, whether it speaks of an error."""

    time: str
    where: str
    text: str
    bad: bool


@dataclass(frozen=True)
class Guess:
    label: str
    predicted: str
    sure: str


@dataclass(frozen=True)
class Part:
    """`tone` is good, bad, wait or run; `letter` and `colour` stand for the run where there are several; `told` is what
    --set said. `periods` are (kind, words, duration), `pictures` (path, data URI), `wrong` the wrong ones of `guesses`
    predictions."""

    letter: str
    colour: int
    name: str
    job: str
    tone: str
    state: str
    took: str
    reason: str
    remedy: str
    begun: str
    day: str
    told: str
    figures: Rows
    trace: tuple[str, ...]
    bar: Markup
    periods: tuple[tuple[str, str, str], ...]
    place: Rows
    image: Rows
    pins: Rows
    pictures: Rows
    wrong: tuple[Guess, ...]
    guesses: int
    outputs: Rows
    amount: str
    texts: Rows
    log: tuple[Line, ...]
    lines: int
    unmeasured: str
    notes: tuple[str, ...]
    commands: Rows


def part(story: Story, number: int, longest: float) -> Part:
    """Return the run as the `number`-th of its page, its bar of time drawn to a scale of `longest` seconds."""
    run, verdict, state = story.run, story.verdict, story.snapshot.state
    bad = tone(state) == "bad"
    return Part(
        letter=LETTERS[number % len(LETTERS)],
        colour=number,
        name=run.name,
        job=run.job,
        tone=tone(state),
        state=state.word.capitalize(),
        took=took(story),
        reason=_sentence(verdict.reason or ("" if state.final else story.snapshot.message)),
        remedy=_sentence(verdict.remedy) if bad else "",
        begun=moment(story.begin) if story.begin else "",
        day=f"{story.begin.astimezone(UTC):%d %b %H:%M}" if story.begin else "",
        told=settings(story.record.overrides),
        figures=tuple((name, measured(value)) for name, value in (verdict.metrics or {}).items() if is_single(value))[
            :MOST_FIGURES
        ],
        trace=tuple(map(_line, verdict.traceback or (() if story.lines else verdict.last_lines))) if bad else (),
        bar=bar(_spans(story), longest),
        periods=tuple((p.kind, WORDS[p.kind], duration(p.seconds)) for p in periods(story)),
        place=_place(story),
        image=_image(story),
        pins=tuple((story.record.versions.get("image") or {}).items()),
        pictures=tuple((picture.path, _data(picture)) for picture in story.pictures),
        wrong=_wrong(story),
        guesses=len(story.predictions),
        outputs=tuple((each.path, readable_size(each.size)) for each in verdict.outputs[:MOST_OUTPUTS]),
        amount=readable_amount(verdict.outputs),
        texts=_texts(story),
        log=_log(story),
        lines=len(story.lines),
        unmeasured=story.unmeasured,
        notes=(*verdict.notes, *story.notes),
        commands=tuple((command, what) for what, command in verdict.commands),
    )


def tone(state: State) -> str:
    """Return how a state is to be taken: good, bad, wait or run."""
    if state is State.DONE:
        return "good"
    if state in (State.PENDING, State.CANCELLING, State.SUSPENDING, State.SUSPENDED):
        return "wait"
    return "bad" if state.final or state is State.DELETING else "run"


def took(story: Story) -> str:
    """Say how long a run took, or how long it has been at it."""
    if story.begin is None or story.end is None:
        return ""
    state = story.snapshot.state
    word = "in" if state is State.DONE else "after" if state.final else "for"
    return f"{word} {duration((story.end - story.begin).total_seconds())}"


def moment(when: datetime) -> str:
    utc = when.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M:%S} UTC"


def _spans(story: Story) -> list[Span]:
    found = periods(story)
    first = found[0].begin if found else story.told
    return [Span(p.kind, p.kind, (p.begin - first).total_seconds(), (p.end - first).total_seconds()) for p in found]


def _place(story: Story) -> Rows:
    run, record, snapshot = story.run, story.record, story.snapshot
    rows = {
        "account": "the local account" if run.connection == "local" else f"connection {run.connection}",
        "schema": f"{run.database}.{run.schema}",
        "compute pool": snapshot.pool or run.pool,
        "replicas": str(record.replicas) if record.replicas > 1 else "",
        "containers": "; ".join(map(_container, snapshot.containers)),
        "submitted by": record.by,
        "goes on from": record.resumes,
        "made like": record.like,
        "part of the sweep": record.sweep,
        "ended": moment(story.end) if story.end and snapshot.state.final else "",
        "cost": _cost(story),
        "outputs": run.output,
    }
    return tuple((name, text) for name, text in rows.items() if text)


def _cost(story: Story) -> str:
    end = story.record.end
    return f"about {end.credits:.4g} credits" if end and end.credits is not None else ""


def _container(status: ContainerStatus) -> str:
    code = "" if status.exit_code is None else f", exit code {status.exit_code}"
    by = f" ({status.signal})" if status.signal else ""
    return f"{status.instance}/{status.name} {status.status.lower()}{code}{by}"


def _image(story: Story) -> Rows:
    record = story.record
    ran = {c.image: c.digest for c in story.snapshot.containers if c.image}
    if record.image.path and len(ran) < 2:
        ran = {record.image.path: next(iter(ran.values()), "") or record.image.digest}
    rows = [
        *((("image", image), ("digest", digest or "not known")) for image, digest in ran.items()),
        (("base", record.image.base), ("platform", record.image.platform), ("lock", record.image.lock)),
        (("git revision", _revision(story)),),
    ]
    return tuple((name, text) for some in rows for name, text in some if text)


def _revision(story: Story) -> str:
    code = story.record.code
    branch = f" of {code.branch}" if code.branch else ""
    return f"{code.revision[:12]}{branch}{', with changes' if code.is_dirty else ''}" if code.revision else ""


def _wrong(story: Story) -> tuple[Guess, ...]:
    found = [row for row in story.predictions if row.get("label") != row.get("predicted")][:MOST_WRONG]
    return tuple(Guess(str(row.get("label")), str(row.get("predicted")), _share(row.get("sure"))) for row in found)


def _share(value: object) -> str:
    return f"{100 * value:.0f} %" if isinstance(value, int | float) else ""


def _sentence(text: str) -> str:
    """As a page begins one; a command stays as it is typed."""
    plain = readable(text)
    return plain if plain.startswith("inv ") else plain[:1].upper() + plain[1:]


def _data(picture: Picture) -> str:
    return f"data:{picture.kind};base64,{base64.b64encode(picture.content).decode()}"


def _texts(story: Story) -> Rows:
    """The files it was made of, the statement that started it, and what git did not have."""
    texts = {**story.texts, "SQL statement": story.record.statement, "changes to the code": story.record.code.patch}
    return tuple((name, _document(text)) for name, text in texts.items() if text)


def _document(text: str) -> str:
    return "\n".join(map(readable, text.splitlines()))


def _log(story: Story) -> tuple[Line, ...]:
    several = len({(line.instance, line.container) for line in story.lines}) > 1
    begin = story.begin.timestamp() if story.begin else 0.0
    trace = set(story.verdict.traceback)
    return tuple(
        Line(
            time=f"{line.time / 1e9 - begin:+.1f} s",
            where=f"{line.instance}/{line.container}" if several else "",
            text=_line(line.text),
            bad=line.text in trace or line.text.startswith(("error:", "Error:")),
        )
        for line in story.lines[-LAST_LINES:]
    )


def _line(text: str) -> str:
    plain = readable(text)
    return plain if len(plain) <= LONGEST_LINE else f"{plain[:LONGEST_LINE]} … ({len(plain):,} characters)"
