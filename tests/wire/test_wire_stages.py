"""PUT, GET, LIST and REMOVE through the real connector, and the object store behind them."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from snowflake.connector.errors import Error

from tests.accounts import LocalAccount

PLAIN = "AUTO_COMPRESS = FALSE OVERWRITE = TRUE"


@pytest.fixture
def stage(wire: LocalAccount) -> str:
    """A new stage of its own."""
    name = f"DB.S.ST_{uuid.uuid4().hex[:8].upper()}"
    wire.query(f"CREATE STAGE {name}")
    return name


def keys(account: LocalAccount, sql: str) -> list[str]:
    """Names of a LIST without the stage's."""
    return [row["name"].partition("/")[2] for row in account.query(sql)]


def written(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    "name", ["plain.txt", "two words.txt", "it's.txt", "größe-日本.bin", "a+b%20c#d?.txt", "empty"]
)
def test_a_file_comes_back_under_its_name(wire: LocalAccount, stage: str, tmp_path: Path, name: str) -> None:
    content = b"" if name == "empty" else os.urandom(3000)
    (tmp_path / name).write_bytes(content)
    quoted = str(tmp_path / name).replace("'", "\\'")
    uploaded = wire.query(f"PUT 'file://{quoted}' '@{stage}/some folder/x' {PLAIN}")
    assert uploaded[0]["status"] == "UPLOADED"
    assert keys(wire, f"LIST @{stage}") == [f"some folder/x/{name}"]
    back = tmp_path / "back"
    back.mkdir()
    wire.query(f"GET '@{stage}/some folder/' 'file://{back}/'")
    assert (back / name).read_bytes() == content


def test_overwrite_and_skip(wire: LocalAccount, stage: str, tmp_path: Path) -> None:
    file = tmp_path / "f.txt"
    for content, options, status in (
        (b"1", "", "UPLOADED"),
        (b"2", "", "SKIPPED"),
        (b"3", "OVERWRITE = TRUE", "UPLOADED"),
    ):
        file.write_bytes(content)
        done = wire.query(f"PUT file://{file} @{stage} AUTO_COMPRESS = FALSE {options}")
        assert done[0]["status"] == status
    assert wire.query(f"LIST @{stage}")[0]["md5"] == "eccbc87e4b5ce2fe28308fd9f2a7baf3"


def test_wildcards_folders_and_patterns(wire: LocalAccount, stage: str, tmp_path: Path) -> None:
    written(tmp_path, **{"1.csv": b"1", "2.csv": b"2", "3.dat": b"3"})
    wire.query(f"PUT file://{tmp_path}/*.csv @{stage}/a {PLAIN}")
    wire.query(f"PUT file://{tmp_path}/* @{stage}/b/c/ {PLAIN}")
    assert keys(wire, f"LS @{stage}/a") == ["a/1.csv", "a/2.csv"]
    assert keys(wire, f"LIST @{stage} PATTERN = '.*[.]dat'") == ["b/c/3.dat"]
    assert [row["name"].partition("/")[2] for row in wire.query(f"REMOVE @{stage}/b PATTERN = '.*csv'")] == [
        "b/c/1.csv",
        "b/c/2.csv",
    ]
    back = tmp_path / "back"
    back.mkdir()
    wire.query(f"GET @{stage} file://{back}/")
    assert sorted(path.name for path in back.iterdir()) == ["1.csv", "2.csv", "3.dat"]
    wire.query(f"RM @{stage}")
    assert keys(wire, f"LIST @{stage}") == []


def test_compression_is_the_default(wire: LocalAccount, stage: str, tmp_path: Path) -> None:
    written(tmp_path, f=b"text")
    wire.query(f"PUT file://{tmp_path}/f @{stage}")
    assert keys(wire, f"LIST @{stage}") == ["f.gz"]
    (staged,) = (wire.root / "stages").rglob(f"{stage.rpartition('.')[2]}/f.gz")
    assert gzip.decompress(staged.read_bytes()) == b"text"


def test_user_and_table_stages(wire: LocalAccount, tmp_path: Path) -> None:
    wire.query("CREATE OR REPLACE TABLE DB.S.STAGED (a INT)")
    written(tmp_path, f=b"x")
    for place in ("@~/mine", "@DB.S.%STAGED/mine"):
        wire.query(f"PUT file://{tmp_path}/f {place} {PLAIN}")
        assert [row["name"] for row in wire.query(f"LIST {place}")] == ["mine/f"]
        wire.query(f"REMOVE {place}")


def test_missing_things_are_refused(wire: LocalAccount, stage: str, tmp_path: Path) -> None:
    written(tmp_path, f=b"x")
    for sql, errno in (
        (f"PUT file://{tmp_path}/none @{stage}", 253006),
        (f"PUT file://{tmp_path}/f @DB.S.NO_STAGE", 2003),
        (f"GET @{stage}/none file://{tmp_path}/", 253006),
        ("LIST @DB.S.NO_STAGE", 2003),
    ):
        with pytest.raises(Error) as caught:
            wire.query(sql)
        assert caught.value.errno == errno


@pytest.mark.parametrize("key", ["../x", "a/../../x", ".."])
def test_paths_that_leave_the_stage_are_refused(wire: LocalAccount, stage: str, tmp_path: Path, key: str) -> None:
    written(tmp_path, f=b"x")
    with pytest.raises(Error) as caught:
        wire.query(f"PUT file://{tmp_path}/f '@{stage}/{key}' {PLAIN}")
    assert caught.value.errno == 1008


def transfer(account: LocalAccount, sql: str) -> dict[str, Any]:
    """What the server answers to a PUT or GET, with the base URL of its bucket as `url` and the headers to send."""
    login = httpx.post(
        f"http://{account.host}/session/v1/login-request",
        json={
            "data": {
                "LOGIN_NAME": "local",
                "PASSWORD": json.loads((account.root / "credentials").read_text())["password"],
            }
        },
    ).json()["data"]
    reply = httpx.post(
        f"http://{account.host}/queries/v1/query-request?requestId={uuid.uuid4()}",
        headers={"Authorization": f'Snowflake Token="{login["token"]}"'},
        json={"sqlText": sql},
    ).json()["data"]
    info = reply["stageInfo"]
    return {
        **reply,
        "url": f"{info['endPoint']}/{info['location']}",
        "headers": {"Authorization": f"Bearer {info['creds']['GCS_ACCESS_TOKEN']}"},
    }


def test_object_store_answers_ranges_and_preconditions(wire: LocalAccount, stage: str) -> None:
    place = transfer(wire, f"PUT file:///x @{stage}/d")
    url, headers = place["url"] + "f.bin", place["headers"]
    assert httpx.head(url, headers=headers).status_code == 404
    only_new = {**headers, "x-goog-if-generation-match": "0"}
    assert httpx.put(url, headers=only_new, content=b"0123456789").status_code == 200
    assert httpx.put(url, headers=only_new, content=b"again").status_code == 412
    assert httpx.head(url, headers=headers).headers["content-length"] == "10"
    part = httpx.get(url, headers={**headers, "Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


def test_object_store_wants_a_token_for_this_stage_and_this_deed(wire: LocalAccount, stage: str) -> None:
    put = transfer(wire, f"PUT file:///x @{stage}")
    assert httpx.put(put["url"] + "f", headers=put["headers"], content=b"x").status_code == 200
    assert httpx.get(put["url"] + "f").status_code == 401
    assert httpx.get(put["url"] + "f", headers={"Authorization": "Bearer guess"}).status_code == 401
    get = transfer(wire, f"GET @{stage} file:///data/")
    assert httpx.put(get["url"] + "f", headers=get["headers"], content=b"y").status_code == 401
    escaped = put["url"].removesuffix("/") + "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/x"
    assert httpx.put(escaped, headers=put["headers"], content=b"x").status_code in (400, 404)
