"""The account: which connection, what SQL, what an answer means. The connector is imported at the first connection."""

from spcs.account.client import Account, Secret, StageFile
from spcs.account.connections import resolve
from spcs.account.errors import Missing

__all__ = ["Account", "Missing", "Secret", "StageFile", "resolve"]
