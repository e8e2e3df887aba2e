"""Typed settings: an unknown key is an error with "did you mean", and every value knows where it came from."""

from spcs.config.load import job_named, load
from spcs.config.model import ComputePool, Job, Settings, Snowflake, Volume
from spcs.config.rules import check_job_name

__all__ = ["ComputePool", "Job", "Settings", "Snowflake", "Volume", "check_job_name", "job_named", "load"]
