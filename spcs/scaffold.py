"""A new job as text: its template, its entry, and `invoke.yaml` with the entry put in where the others stand.

The file is a person's: only the entry is added, all else keeps its bytes. What comes out is read again before anything
is written, so a layout that is not understood is refused rather than spoilt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from spcs.errors import SettingsProblem

SETTINGS = "invoke.yaml"

TEMPLATE = """\
{% extends "templates/spec.yaml.j2" %} {# Take the comment marks off both ends of a block to use it, then inv render. #}
{# {% block container %}
    livenessProbe: {port: 8000, path: /alive}
{% endblock %} #}
{# {% block sidecars %}
  - {name: side, image: {{ image | tojson }}, command: [python, side.py]}
{% endblock %} #}
{# {% block endpoints %}
  endpoints: [{name: web, port: 8000}]
{% endblock %} #}
"""
_ENTRY = """\
{key}:
  template: {template}    # what has no setting; docs/your_own_job.md lists its blocks
  args: [--data, {table}]    # for app/; for a script of your own: command: [python, {name}.py]
  # resources: {{requests: {{cpu: "1", memory: 2Gi}}, limits: {{cpu: "2", memory: 4Gi}}}}
  # compute_pool: {{name: {upper}_POOL, instance_family: GPU_NV_S}}    # and gpu: 1 in requests and limits
  # network: [huggingface.co]    # the hosts outside that it may reach; inv setup makes what that takes
  # secrets: [{{name: HUB_TOKEN, env: HF_TOKEN}}]    # inv setup asks for the value
"""
_FLOW_ENTRY = "{key}: {{template: {template}, args: [--data, {table}]}}"


@dataclass(frozen=True)
class NewEntry:
    """`text` is the entry as it stands in `settings`, the whole text of invoke.yaml with it."""

    text: str
    settings: str


def template_of(name: str) -> str:
    """The path of a new job's template, below the project's folder."""
    return f"templates/{name}.yaml.j2"


def add(settings: str, name: str, *, table: str, like: str = "") -> NewEntry:
    """Put the job `name` into the text of invoke.yaml, as a copy of the entry of `like` if that is given.

    `table` is what a job trains on that is like no other. Raises SettingsProblem where the text has no such entry, or
    has a layout that nothing can be put into.
    """
    newline = "\r\n" if "\r\n" in settings else "\n"
    text = settings if settings.endswith("\n") or not settings else settings + newline
    jobs = _jobs(text)
    if like and not (isinstance(jobs, yaml.MappingNode) and _pair(jobs, like)):
        fix = f"inv new {name}, and write into its entry what it shares with '{like}'"
        raise SettingsProblem(f"the job '{like}' does not stand in {SETTINGS}", "an entry is copied from there", fix)
    entry = _copied(text, jobs, name, like) if like and jobs else _fresh(jobs, name, table)
    made = _placed(text, jobs, re.sub(r"\r?\n", newline, entry), newline)
    _check(settings, made, name, like)
    return made


def _jobs(text: str) -> yaml.Node | None:
    root = yaml.compose(text)
    found = _pair(root, "jobs") if isinstance(root, yaml.MappingNode) else None
    return found[1] if found else None


def _pair(node: yaml.MappingNode, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next(((k, v) for k, v in node.value if k.value == key), None)


def _fresh(jobs: yaml.Node | None, name: str, table: str) -> str:
    """The entry of a job like no other."""
    in_line = isinstance(jobs, yaml.MappingNode) and jobs.flow_style
    values = {"key": _plain(name), "name": name, "upper": name.upper(), "template": template_of(name)}
    lines = (_FLOW_ENTRY if in_line else _ENTRY).format(**values, table=_plain(table)).splitlines(keepends=True)
    return lines[0] + "".join(" " * _column(jobs) + line for line in lines[1:])


def _copied(text: str, jobs: yaml.Node, name: str, like: str) -> str:
    """The entry of `like` from its key on, with its comments, under another name and with another template."""
    assert isinstance(jobs, yaml.MappingNode)
    key, value = next(pair for pair in jobs.value if pair[0].value == like)
    end = _end(key, value)
    if not jobs.flow_style:
        end = _past_comments(text, _next_line(text, end), _column(jobs) + 1)
    at, until, new = _template_edit(value, template_of(name))
    if at < key.end_mark.index:
        raise _by_hand(name)  # an alias: what it stands for lies elsewhere
    return _plain(name) + text[key.end_mark.index : at] + new + text[until:end]


def _template_edit(value: yaml.Node, template: str) -> tuple[int, int, str]:
    """What has to be written from where to where, for the entry `value` to name `template`."""
    start, end = value.start_mark.index, value.end_mark.index
    if not isinstance(value, yaml.MappingNode):  # nothing, or null
        return start, end, f"{' ' if start == end else ''}{{template: {template}}}"
    if own := _pair(value, "template"):
        return own[1].start_mark.index, own[1].end_mark.index, template
    if value.flow_style:
        return start + 1, start + 1, f"template: {template}{', ' if value.value else ''}"
    first = value.value[0][0].start_mark
    return first.index, first.index, f"template: {template}\n{' ' * first.column}"


def _placed(text: str, jobs: yaml.Node | None, entry: str, newline: str) -> NewEntry:
    if jobs is None:
        # Without a table of jobs there is one called train; with a table, only those that stand in it.
        start = f"{text}{newline if text else ''}jobs:{newline}  train: {{}}{newline}"
        return NewEntry(f"  {entry}", f"{start}{newline}  {entry}")
    if not isinstance(jobs, yaml.MappingNode):
        return NewEntry(entry, text)
    if jobs.flow_style:
        at = _end(*jobs.value[-1]) if jobs.value else jobs.start_mark.index + 1
        return NewEntry(entry, text[:at] + (f", {entry}" if jobs.value else entry) + text[at:])
    at = _past_comments(text, _next_line(text, _end(*jobs.value[-1])), _column(jobs))
    entry = " " * _column(jobs) + entry
    return NewEntry(entry, text[:at] + newline + entry + text[at:])


def _column(jobs: yaml.Node | None) -> int:
    has_some = isinstance(jobs, yaml.MappingNode) and jobs.value
    return int(jobs.value[0][0].start_mark.column) if jobs and has_some else 2


def _end(key: yaml.Node, value: yaml.Node) -> int:
    """Where a pair ends. The mark of a block lies behind the comments below it, that of an alias where it points."""
    if isinstance(value, yaml.CollectionNode) and not value.flow_style and value.value:
        below = [item if isinstance(item, tuple) else (item, item) for item in value.value]
        return max(int(key.end_mark.index), *(_end(*pair) for pair in below))
    return max(int(key.end_mark.index), int(value.end_mark.index))


def _next_line(text: str, at: int) -> int:
    """Where the line below `at` starts; a block of text ends there already."""
    return text.index("\n", len(text[:at].rstrip())) + 1


def _past_comments(text: str, at: int, column: int) -> int:
    """Go on over comments that are indented by `column` or more, and the empty lines before them."""
    comment = re.compile(rf"(?:[ \t]*\r?\n)*[ ]{{{column},}}#[^\n]*\n")
    while found := comment.match(text, at):
        at = found.end()
    return at


def _plain(word: str) -> str:
    """A word as YAML, in quotes if it would mean something else without."""
    return word if yaml.safe_load(word) == word else json.dumps(word)


def _check(settings: str, made: NewEntry, name: str, like: str) -> None:
    """Raise SettingsProblem unless the new text says what the old one does, and the entry."""
    before: Mapping[str, Any] = yaml.safe_load(settings) or {}
    was = before.get("jobs", {"train": {}})
    try:
        after = yaml.safe_load(made.settings)
        jobs = dict(after["jobs"])
        added = jobs.pop(name)
    except (yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise _by_hand(name, "" if like else made.text) from error
    wanted = {**(was[like] or {}), "template": template_of(name)} if like else added
    if {**after, "jobs": jobs} != {**before, "jobs": was} or added != wanted:
        raise _by_hand(name, "" if like else made.text)


def _by_hand(name: str, entry: str = "") -> SettingsProblem:
    why = "its table of jobs is written in a way that only a person can add to (an alias, an anchor, one line for all)"
    fix = "write its entry there by hand" + (f":\n{entry}" if entry else "")
    return SettingsProblem(f"the job '{name}' cannot be put into {SETTINGS}", why, fix)
