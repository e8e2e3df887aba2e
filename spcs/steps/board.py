"""`inv board`: the runs of the account in a browser, as they go on."""

from __future__ import annotations

import threading
import time
import webbrowser
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from markupsafe import Markup

from spcs import render
from spcs.board import Board, Page
from spcs.errors import NotReady, Problem, SettingsProblem
from spcs.project import Project
from spcs.run import listing, names
from spcs.run.gather import Measured, Teller
from spcs.run.listed import Listed
from spcs.run.listing import Filter
from spcs.run.measures import Series
from spcs.show.console import say, write
from spcs.show.overview import overview
from spcs.show.report import page
from spcs.steps.jobs import cache, home
from spcs.steps.report import completed

SHOWN = 50
LAST_PORT = 65_535
SOON, LATER = 2.0, 10.0  # seconds between two looks: while something goes on, and while nothing does
AT_ONCE = 4
AT_A_TIME = 8  # curves of ended runs that are read before a page is shown; the others follow
MOST_LINES = 20_000
SHELL, RUNS, RUN = (f"templates/{name}.html.j2" for name in ("board", "board_runs", "report_body"))
SCRIPT = "templates/board.js"

Look = Callable[[], tuple[str, bool]]
"""Returns a body, and whether something goes on that will soon look otherwise. May raise a Problem."""


def board(project: Project, job: str, port: int, open_browser: bool) -> None:
    """Serve until Ctrl-C; raises SettingsProblem for a port that is none, NotReady where it is taken, and what an
    account raises that is not ready."""
    if not 0 <= port <= LAST_PORT:
        raise SettingsProblem(f"--port is {port}", fix=f"choose one up to {LAST_PORT}, or --port 0 (any free one)")
    wanted = Filter(project.job(job)[0] if job else "", last=SHOWN)
    first = listing.entries(project.account, cache(project), home(project), wanted)
    if project.dry:
        return
    pages = _Pages(project, wanted)
    try:
        server = Board(port, pages.find, pages.script)
    except OSError as error:
        raise NotReady(
            f"port {port} cannot be had: {error.strerror}", fix="inv board --port 0 (any free one)"
        ) from error
    write(server.url)
    say(f"{len(first)} runs; the board is there until Ctrl-C", "quiet")
    if open_browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        say("the board has ended; the runs go on")
    finally:
        server.end()


class _Pages:
    """The overview at `/` and a page a run at `/runs/<run>`, made when it is first asked for."""

    def __init__(self, project: Project, wanted: Filter) -> None:
        self._project, self._lock = project, threading.Lock()
        self.script = render.source(project.root, SCRIPT)
        self._pages: dict[str, Page] = {"/": _Live(_Overview(project, wanted).look, self._shell("/", "Runs"))}

    def find(self, path: str) -> Page | None:
        name = path.removeprefix("/runs/")
        with self._lock:
            if path not in self._pages and path != name and names.is_run(name):
                run = home(self._project).run(name.lower())
                teller = Teller(self._project.account, self._project.root, run, resources=False, most_lines=MOST_LINES)
                self._pages[path] = _Live(lambda: _told(self._project, teller), self._shell(path, name))
            return self._pages.get(path)

    def _shell(self, path: str, title: str) -> Callable[[str], str]:
        events = f"{path.rstrip('/')}/events"
        values = {"title": title, "events": events, "is_overview": path == "/", "script": Markup(self.script)}
        return lambda body: render.page(self._project.root, SHELL, {**values, "body": Markup(body)})


class _Live:
    """A page whose body is looked up at most every so often, however many look at it. What goes wrong with that is said
    on the page, above what was known before."""

    def __init__(self, look: Look, shell: Callable[[str], str]) -> None:
        self._look, self._shell, self._lock = look, shell, threading.Lock()
        self._known, self._trouble, self._due, self._pause = "", "", 0.0, SOON

    def whole(self) -> str:
        return self._shell(self.body())

    def body(self) -> str:
        with self._lock:
            if time.monotonic() >= self._due:
                self._refresh()
            return self._trouble + self._known

    def pause(self) -> float:
        return self._pause

    def _refresh(self) -> None:
        try:
            self._known, goes_on = self._look()
            self._trouble, self._pause = "", SOON if goes_on else LATER
        except Problem as problem:
            text = Markup('<p class="trouble" role="alert">{}; trying again</p>').format(problem.what)
            self._trouble, self._pause = str(text), SOON
        self._due = time.monotonic() + self._pause / 2


class _Overview:
    """The list of runs. Curves of ended runs are read once, those of the others as they go on."""

    def __init__(self, project: Project, wanted: Filter) -> None:
        self._project, self._wanted = project, wanted
        flake, connection = project.settings.snowflake, project.settings.connection
        where = "the local account" if project.is_local else f"connection {connection}"
        self._place = f"{flake.database}.{flake.schema}, {where}"
        self._readers: dict[str, Measured] = {}
        self._measures: dict[str, Mapping[str, Series]] = {}

    def look(self) -> tuple[str, bool]:
        project = self._project
        found = listing.entries(project.account, cache(project), home(project), self._wanted)
        found = listing.completed(project.account, project.root, found)
        ended = [listed for listed in found if listed.state.final and listed.run.name not in self._measures]
        going = [listed for listed in found if not listed.state.final]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._read, [*going, *ended[:AT_A_TIME]]))
        rows = overview(found, self._measures, datetime.now(UTC))
        text = render.page(
            project.root, RUNS, {"runs": rows, "job": self._wanted.job, "place": self._place, "most": SHOWN}
        )
        return text, bool(going or ended[AT_A_TIME:])

    def _read(self, listed: Listed) -> None:
        name = listed.run.name
        reader = self._readers.setdefault(name, Measured(self._project.account, listed.run))
        try:
            self._measures[name] = reader.look(ended=listed.state.final)
        except Problem:  # it has no curve, then
            self._measures[name] = {}
        if listed.state.final:
            del self._readers[name]


def _told(project: Project, teller: Teller) -> tuple[str, bool]:
    story = completed(project, teller.tell())
    text = render.page(project.root, RUN, {"page": page([story])})
    return text, not story.snapshot.state.final
