"""What a statement gives back. The handlers live in one file a family; `dispatch.py` puts them together."""

from local_account.errors import SqlError
from local_account.statements.result import Column, Result, fixed, rows, status, text, timestamp

__all__ = ["Column", "Result", "SqlError", "fixed", "rows", "status", "text", "timestamp"]
