"""Templates to text: the one place that reads them. The same values give the same bytes.

Undefined names are errors (with the template's line), and so is anything that still looks like a template afterwards:
Snowflake has its own `{{ }}`, which would then be filled by the wrong side.
"""

from __future__ import annotations

import functools
import json
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
import jinja2.ext

from spcs.errors import SettingsProblem

LEFT_OVER = re.compile(r"\{\{|\{%")


Filters = Mapping[str, Callable[[Any], str]]
"""What a kind of text needs besides `tojson`, by the name it has in a template."""


def render(root: Path, template: str, values: Mapping[str, Any], filters: Filters = MappingProxyType({})) -> str:
    """The text of `template` (a path below `root`) filled with `values`; raises SettingsProblem with file:line."""
    environment = _environment(root, tuple(filters.items()))
    return _finished(_filled(environment, root, template, values), template)


def page(root: Path, template: str, values: Mapping[str, Any]) -> str:
    """As `render`, for HTML: every value is escaped, unless it is markup, and may hold the marks of a template."""
    return _filled(_environment(root, None), root, template, values)


@functools.cache
def _environment(root: Path, filters: tuple[tuple[str, Callable[[Any], str]], ...] | None) -> jinja2.Environment:
    """For text with such `filters`, for HTML with None. It keeps templates compiled; an edited one is read anew."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        extensions=[_InlineTags],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=filters is None,
    )
    environment.filters |= {} if filters is None else {"tojson": _json, **dict(filters)}
    return environment


def _filled(environment: jinja2.Environment, root: Path, template: str, values: Mapping[str, Any]) -> str:
    try:
        return environment.get_template(template).render(**values)
    except SettingsProblem:
        raise
    except Exception as error:  # a template is a program of the user's: it may raise anything
        raise _problem(error, root, template, values) from error


def source(root: Path, template: str) -> str:
    """The text of `template` as it was written; raises SettingsProblem if it cannot be read."""
    try:
        return (root / template).read_text()
    except FileNotFoundError:
        raise _missing(template, template, template) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _problem(error, root, template, {}) from error


def _problem(error: Exception, root: Path, template: str, values: Mapping[str, Any]) -> SettingsProblem:
    """What a template that cannot be rendered means to who wrote it."""
    where = _where(error, root, template)
    if isinstance(error, jinja2.TemplateNotFound):
        return _missing(str(error.name), where, template)
    if isinstance(error, jinja2.TemplateSyntaxError):
        fix = "mend that line; https://jinja.palletsprojects.com/templates/ says what may stand there"
        return SettingsProblem(f"{error.name}:{error.lineno}: {error.message}", fix=fix)
    if isinstance(error, jinja2.UndefinedError):
        return SettingsProblem(f"{where}: {error.message}", fix=_known(values))
    if isinstance(error, RecursionError):
        fix = "take out the extends, include or macro that comes back to itself"
        return SettingsProblem(f"{where}: the template goes round in circles", fix=fix)
    if isinstance(error, OSError | UnicodeDecodeError):
        return SettingsProblem(f"{template} cannot be read as a template", str(error), _ANOTHER.format("that name"))
    return SettingsProblem(f"{where}: {type(error).__name__}: {error}", fix="mend that line of the template")


_ANOTHER = "write a template of {}, or name another in the job's `template` or `dockerfile`, or in image.dockerfile"


def _missing(name: str, where: str, template: str) -> SettingsProblem:
    if name == template:
        return SettingsProblem(f"there is no template {name}", fix=_ANOTHER.format("that name"))
    fix = f"correct the name in {template}; it starts from the project's folder"
    return SettingsProblem(f"there is no template {name}", f"asked for by {where}", fix)


def _json(item: Any) -> str:
    """Jinja's own filter escapes for HTML; here a quote is a quote."""
    if isinstance(item, jinja2.Undefined):
        str(item)  # raises the error that names it, which json would turn into one about types
    return json.dumps(item, ensure_ascii=False)


class _InlineTags(jinja2.ext.Extension):
    """Keep the newline after a tag that ends a line of text.

    `trim_blocks` lets a tag stand on a line of its own and leave nothing behind, but it also eats the newline after
    `name: {% block name %}x{% endblock %}` and so joins two lines of YAML. `+%}` switches it off for one tag.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return "\n".join(self._line(line) for line in source.split("\n"))

    def _line(self, line: str) -> str:
        text = re.sub(r"\{%.*?%\}", "", line).strip()
        return re.sub(r"(?<![-+])%\}\s*$", "+%}", line) if text else line


def _finished(text: str, template: str) -> str:
    left = LEFT_OVER.search(text)
    if left:
        line = text.count("\n", 0, left.start()) + 1
        raise SettingsProblem(
            f"{template} leaves '{left.group()}' in line {line} of its result",
            why=text.splitlines()[line - 1].strip(),
            fix="write the marks out in the template, not in a value",
        )
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _where(error: BaseException, root: Path, template: str) -> str:
    """`templates/spec.yaml.j2:12`: an undefined name has no line, but the last template frame of its traceback does."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_template(Path(f.filename), root)]
    return f"{Path(frames[-1].filename).relative_to(root)}:{frames[-1].lineno}" if frames else template


def _is_template(file: Path, root: Path) -> bool:
    """Code of ours lies below the root, too, in a project as in its virtual environment."""
    return file.suffix != ".py" and file.is_relative_to(root)


def _known(values: Mapping[str, Any]) -> str:
    return f"choose from the names a template gets: {', '.join(sorted(values))}"
