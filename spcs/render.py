"""Templates to text: the one place that reads them. The same values give the same bytes.

Undefined names are errors (with the template's line), and so is anything that still looks like a template afterwards:
Snowflake has its own `{{ }}`, which would then be filled by the wrong side.
"""

from __future__ import annotations

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
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        extensions=[_InlineTags],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"tojson": _json, **filters}
    try:
        text = environment.get_template(template).render(**values)
    except jinja2.TemplateNotFound as error:
        raise SettingsProblem(f"there is no template {error.name}", why=f"asked for by {template}") from error
    except jinja2.TemplateSyntaxError as error:
        raise SettingsProblem(f"{error.name}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise SettingsProblem(f"{_where(error, root, template)}: {error.message}", fix=_known(values)) from error
    return _finished(text, template)


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
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(".j2")]
    if not frames:
        return template
    file = Path(frames[-1].filename)
    return f"{file.relative_to(root) if file.is_relative_to(root) else file.name}:{frames[-1].lineno}"


def _known(values: Mapping[str, Any]) -> str:
    return f"choose from the names a template gets: {', '.join(sorted(values))}"
