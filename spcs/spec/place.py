"""A YAML (or JSON) document as a tree of places that know their path and line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import yaml

from spcs.spec.errors import SpecError

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"


class Entry(NamedTuple):
    """A value under a key, and the line of the key."""

    value: yaml.Node
    line: int


@dataclass(frozen=True)
class Place:
    """One node of the document.

    Scalars are read as the text that was written: `1.10` stays '1.10', as its author sees it.
    path: from the root, e.g. "spec.containers[0]"; line: where it begins, key included.
    lines: the line of every path visited so far, shared by all places of the document.
    """

    node: yaml.Node
    path: str
    line: int
    lines: dict[str, int]

    def __post_init__(self) -> None:
        self.lines[self.path] = self.line

    @property
    def is_null(self) -> bool:
        return bool(self.node.tag == _NULL)

    @property
    def is_scalar(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode)

    @property
    def is_quoted(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.style is not None

    def scalar(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or self.is_null:
            self.invalid("A single value is required.")
        return _whole_characters(str(self.node.value))

    def items(self) -> list[Place]:
        if not isinstance(self.node, yaml.SequenceNode):
            self.invalid("A list is required.")
        nodes = enumerate(self.node.value)
        return [Place(node, f"{self.path}[{index}]", _line(node), self.lines) for index, node in nodes]

    def entries(self) -> dict[str, Entry]:
        """The entries of a map by key; a key that is written twice is an error."""
        return self._entries(self.node)

    def child(self, name: str, entry: Entry) -> Place:
        return Place(entry.value, f"{self.path}.{name}" if self.path else name, entry.line, self.lines)

    def _entries(self, node: yaml.Node) -> dict[str, Entry]:
        if not isinstance(node, yaml.MappingNode):
            self.invalid("A map of keys and values is required.")
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail(f"invalid key for {self.name}. A key must be a single value", line=_line(key))
            if key.tag == _MERGE:
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged = self._entries(source) | merged
            elif key.value in entries:
                self.fail(f"duplicate option '{key.value}' for {self.name}", line=_line(key))
            else:
                entries[_whole_characters(key.value)] = Entry(value, _line(key))
        return merged | entries

    @property
    def name(self) -> str:
        return f"'{self.path}'" if self.path else "the specification"

    def invalid(self, rule: str, hint: str | None = None) -> NoReturn:
        """Refuse the value at this place; `rule` is the sentence that says what it must be."""
        shown = f" {self.node.value}" if isinstance(self.node, yaml.ScalarNode) and not self.is_null else ""
        self.fail(f"invalid value{shown} for {self.name}. {rule.removesuffix('.')}", hint=hint)

    def fail(self, problem: str, *, at: str = "", hint: str | None = None, line: int | None = None) -> NoReturn:
        """Refuse this place, or what stands below it `at` a path such as "blockConfig.iops" that was read already."""
        path = f"{self.path}.{at}" if at else self.path
        raise SpecError(f"Invalid spec: {problem}.", path=path, line=line or self.lines[path], hint=hint)


def read_document(text: str) -> Place:
    """The root of a YAML or JSON text. Raises SpecError for a text that is neither."""
    # Tabs are white space in JSON but not in YAML; inside a JSON string a bare tab is illegal anyway.
    source = text.replace("\t", " ") if text.lstrip().startswith("{") else text
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error) from error
    except yaml.YAMLError as error:
        raise SpecError(f"Invalid spec: the text is not YAML. {error}") from error
    except RecursionError as error:
        raise SpecError("Invalid spec: the text is nested too deeply.") from error
    if root is None:
        raise SpecError("Invalid spec: the specification is empty.")
    return Place(root, "", _line(root), {})


def _syntax_error(error: yaml.MarkedYAMLError) -> SpecError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    hint = "put a value that begins with '@' in double quotes" if "'@'" in (error.problem or "") else None
    return SpecError(f"Invalid spec: YAML syntax error{where}: {error.problem or error}.", line=line, hint=hint)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _whole_characters(text: str) -> str:
    """JSON writes a character beyond the first plane as two \\u escapes, which YAML reads as two halves."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
