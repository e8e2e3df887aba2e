"""Jobs: what EXECUTE JOB SERVICE makes, how it lives, and what is left of it."""

from local_account.services.opening import open_compute, remove_all

__all__ = ["open_compute", "remove_all"]
