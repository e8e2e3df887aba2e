"""Errors as Snowflake reports them: a number, a SQL state and a sentence."""

from __future__ import annotations


class SqlError(Exception):
    """A statement was refused. It travels to the client as `success: false`, never as an HTTP error."""

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message


class LoginError(Exception):
    """A login or a session token was refused. `code` is Snowflake's 390xxx code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def syntax_error(line: int, position: int, unexpected: str) -> SqlError:
    """The error of Snowflake's own parser; `line` counts from 1, `position` from 0."""
    return SqlError(
        1003,
        "42000",
        f"SQL compilation error:\nsyntax error line {line} at position {position} unexpected '{unexpected}'.",
    )


def missing(kind: str, name: str) -> SqlError:
    """An object that is not there, or that the role may not see."""
    return SqlError(2003, "02000", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def exists(kind: str, name: str) -> SqlError:
    """A name that is already taken."""
    return SqlError(2002, "42710", f"SQL compilation error:\n{kind} '{name}' already exists.")


def unsupported(feature: str) -> SqlError:
    """Something that Snowflake has and this local account has not."""
    return SqlError(2, "0A000", f"SQL compilation error:\nUnsupported feature '{feature}' (local account).")


def invalid_value(value: object, parameter: str) -> SqlError:
    """A property of a statement that has a value outside its range."""
    return SqlError(1008, "22023", f"SQL compilation error:\ninvalid value [{value}] for parameter '{parameter}'")


def too_large(what: str) -> SqlError:
    """A statement needs more memory or disk space than this machine has for it."""
    return SqlError(300002, "53200", f"The statement needs more than the local account has for it: {what}.")


def canceled() -> SqlError:
    """The statement was canceled by the user or by the client."""
    return SqlError(604, "57014", "SQL execution canceled")
