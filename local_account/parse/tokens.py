"""A cursor over tokens with the small vocabulary that every grammar file uses."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_account.errors import SqlError
from local_account.parse.names import Name, StagePath, stage_path
from local_account.parse.scanner import Kind, Token, error_at, scan

_DIGITS = 38
"""Of Snowflake's longest whole numbers; Python itself reads some thousands."""
Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


@dataclass
class Tokens:
    """The tokens of one statement. `or_replace` and `temporary` are set by the prefix of a CREATE."""

    sql: str
    items: list[Token]
    index: int = 0
    or_replace: bool = False
    temporary: bool = field(default=False)

    @classmethod
    def of(cls, sql: str) -> Tokens:
        return cls(sql, scan(sql))

    # -- looking ------------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token:
        return self.items[min(self.index + ahead, len(self.items) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self.index += 1
        return token

    def at(self, *words: str) -> bool:
        """Do the next tokens spell these words (upper case)?"""
        return all(self.peek(i).kind is Kind.WORD and self.peek(i).value == word for i, word in enumerate(words))

    def at_op(self, op: str) -> bool:
        return self.peek().kind is Kind.OP and self.peek().text == op

    def at_end(self) -> bool:
        return self.peek().kind is Kind.END or self.at_op(";")

    # -- taking -------------------------------------------------------------------------------------------------

    def accept(self, *words: str) -> bool:
        """Take these words if they come next."""
        if not self.at(*words):
            return False
        self.index += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Take these words or raise Snowflake's syntax error."""
        for word in words:
            if not self.accept(word):
                raise self.error()

    def accept_op(self, op: str) -> bool:
        if not self.at_op(op):
            return False
        self.index += 1
        return True

    def expect_op(self, op: str) -> None:
        if not self.accept_op(op):
            raise self.error()

    def word(self) -> str:
        """Any bare word, upper-cased."""
        if self.peek().kind is not Kind.WORD:
            raise self.error()
        return self.next().value

    def string(self) -> str:
        """A quoted or `$$` string."""
        if self.peek().kind is not Kind.STRING:
            raise self.error()
        return self.next().value

    def integer(self) -> int:
        """A whole number, bare or in quotes."""
        token = self.peek()
        sign = -1 if self.accept_op("-") else 1
        number = self.peek()
        digits = number.value.strip()
        if number.kind not in (Kind.NUMBER, Kind.STRING) or not digits.isdecimal() or len(digits) > _DIGITS:
            raise self.error(token)
        return sign * int(self.next().value)

    def boolean(self) -> bool:
        """TRUE or FALSE, bare or in quotes."""
        token = self.peek()
        if token.kind in (Kind.WORD, Kind.STRING) and token.value.upper() in ("TRUE", "FALSE"):
            return self.next().value.upper() == "TRUE"
        raise self.error()

    def identifier(self) -> str:
        """One identifier: upper-cased unless quoted."""
        if self.peek().kind not in (Kind.WORD, Kind.QUOTED):
            raise self.error()
        return self.next().value

    def name(self) -> Name:
        """`a.b.c`, `"a"."b"`, `IDENTIFIER('a.b')` or a string literal that holds a name."""
        if self.at("IDENTIFIER") and self.peek(1).text == "(":
            self.index += 2
            name = self._name_in_string()
            self.expect_op(")")
            return name
        if self.peek().kind is Kind.STRING:
            return self._name_in_string()
        return self._dotted()

    def _name_in_string(self) -> Name:
        token = self.peek()
        inner = Tokens.of(self.string())
        name = inner._dotted()
        if not inner.at_end():
            raise self.error(token)
        return name

    def _dotted(self) -> Name:
        parts, quoted = [], False
        while True:
            quoted = quoted or self.peek().kind is Kind.QUOTED
            parts.append(self.identifier())
            if self.at_op(".") and self.peek(1).text == ".":  # db..table means the schema PUBLIC
                self.index += 1
                parts.append("PUBLIC")
            if len(parts) >= 3 and self.at_op("."):
                raise self.error()
            if not self.accept_op("."):
                return Name(tuple(parts), quoted)

    def stage(self) -> StagePath:
        """`@name/path`, `'@name/path with blanks'`, `@~/path`, `@%table/path`."""
        token = self.next()
        value = token.value if token.kind is Kind.STAGE else token.value.removeprefix("@")
        if token.kind is Kind.STAGE or (token.kind is Kind.STRING and token.value.startswith("@")):
            try:
                return stage_path(value)
            except ValueError:
                pass
        raise self.error(token)

    def if_not_exists(self) -> bool:
        return self.accept("IF", "NOT", "EXISTS")

    def if_exists(self) -> bool:
        return self.accept("IF", "EXISTS")

    # -- values and properties ----------------------------------------------------------------------------------

    def value(self) -> Value:
        """A literal, a bare word (upper-cased), a list `(a, b)` or a group of properties `(TYPE = 'x')`."""
        if self.accept_op("("):
            return self._group()
        token = self.peek()
        if token.kind is Kind.STRING:
            return self.next().value
        if token.kind is Kind.NUMBER or token.text in ("-", "+"):
            return self._number()
        if token.kind is Kind.WORD and token.value in ("TRUE", "FALSE"):
            return self.boolean()
        if token.kind is Kind.WORD and token.value == "NULL":
            self.index += 1
            return None
        return ".".join(self.name().parts)

    def _number(self) -> int | float:
        sign = -1 if self.accept_op("-") else 1
        self.accept_op("+")
        if self.peek().kind is not Kind.NUMBER:
            raise self.error()
        text = self.next().text
        return sign * (int(text) if text.isdecimal() and len(text) <= _DIGITS else float(text))

    def _group(self) -> Value:
        if self.peek(1).text == "=":
            group: dict[str, Value] = {}
            while not self.accept_op(")"):
                self.accept_op(",")
                key = self.word()
                self.expect_op("=")
                group[key] = self.value()
            return group
        items: list[Value] = []
        while not self.accept_op(")"):
            if items:
                self.accept_op(",")
            items.append(self.value())
        return items

    def properties(self, *allowed: str) -> dict[str, Value]:
        """`KEY = value ...` until the end. A key outside `allowed` is a syntax error; without `allowed` any will do."""
        found: dict[str, Value] = {}
        while not self.at_end():
            self.accept_op(",")
            self.accept("WITH")
            token = self.peek()
            key = self.word()
            if allowed and key not in allowed:
                raise self.error(token)
            if key == "TAG":
                self.skip_parentheses()
                continue
            self.expect_op("=")
            found[key] = self.value()
        return found

    def skip_parentheses(self) -> None:
        """Take a balanced `( ... )` without looking inside."""
        self.expect_op("(")
        depth = 1
        while depth:
            token = self.next()
            if token.kind is Kind.END:
                raise self.error(token)
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind is Kind.OP else 0

    # -- the end ------------------------------------------------------------------------------------------------

    def rest(self) -> str:
        """The text from here to the end of this statement, taken whole."""
        start = self.peek().start
        while not self.at_end():
            self.index += 1
        return self.sql[start : self.peek().start].rstrip()

    def error(self, token: Token | None = None) -> SqlError:
        """Snowflake's syntax error at `token` (default: the next one)."""
        token = token or self.peek()
        return error_at(self.sql, token.start, token.text)
