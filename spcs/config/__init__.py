"""Typed settings: an unknown key is an error with "did you mean", and every value knows where it came from."""

from spcs.config.access import integration, integrations, made_secrets, rules_schema, secret_path
from spcs.config.load import job_named, load
from spcs.config.model import ComputePool, Job, JobSecret, Settings, Snowflake, Volume
from spcs.config.rules import check_job_name

__all__ = [
    "ComputePool",
    "Job",
    "JobSecret",
    "Settings",
    "Snowflake",
    "Volume",
    "check_job_name",
    "integration",
    "integrations",
    "job_named",
    "load",
    "made_secrets",
    "rules_schema",
    "secret_path",
]
