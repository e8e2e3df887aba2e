"""The account: which connection, what SQL, what an answer means. The connector is imported at the first connection."""

from spcs.account.client import Account
from spcs.account.connections import resolve
from spcs.account.errors import Missing
from spcs.account.files import StageFile
from spcs.account.secret import Secret

__all__ = ["Account", "Missing", "Secret", "StageFile", "resolve"]
