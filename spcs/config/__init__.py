"""Typed settings: an unknown key is an error with "did you mean", and every value knows where it came from."""

from spcs.config.load import job_named, load
from spcs.config.model import ComputePool, Job, Settings, Snowflake, Volume

__all__ = ["ComputePool", "Job", "Settings", "Snowflake", "Volume", "job_named", "load"]
