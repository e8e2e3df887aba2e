"""The stage. A small file is put there and removed again: grants say nothing of the way to the cloud's storage."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from spcs.account import sql
from spcs.account.looks import show_stages
from spcs.doctor.model import Check, Finding, Ground, fail, ok

FOLDER = "doctor"


def look(ground: Ground) -> Finding:
    flake = ground.settings.snowflake
    stage = f"{ground.schema}.{flake.stage}"
    row = ground.find(show_stages(flake.stage, ground.schema), flake.stage)
    if row is None:
        return fail(f"there is no stage {stage}, or {flake.role} may not see it", ground.command("setup"))
    if "EXTERNAL" in str(row["type"]).upper():
        return fail(f"{stage} is an external stage, which a job cannot mount", "name an internal snowflake.stage")
    return _tried(ground, stage)


def _tried(ground: Ground, stage: str) -> Finding:
    probe = f"probe_{secrets.token_hex(4)}.txt"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, probe)
        file.write_text("inv doctor tried whether this stage can be written; delete it\n")
        ground.account.put(file, f"{stage}/{FOLDER}")
    try:
        there = [each.name for each in ground.account.list_stage(f"{stage}/{FOLDER}/{probe}")]
    finally:
        ground.account.query(sql.remove(f"@{stage}/{FOLDER}/{probe}"))
    if not any(name.endswith(f"/{probe}") for name in there):
        return fail(
            f"a file put on {stage} is not there under its name",
            f"LIST @{stage}/{FOLDER}/, then ask who renames what is put there",
        )
    return ok(f"{stage} can be written: a small file was put there and removed")


CHECK = Check(
    "stage",
    "account",
    f"the stage: PUT, LIST and REMOVE of a small file in {FOLDER}/",
    look,
    needs=("role",),
    late="check network and proxy: files go straight to the cloud's storage",
)
