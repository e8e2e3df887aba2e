"""The registry as the OCI distribution specification has it, request by request."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_account.registry import Store, find_image
from tests.images import Served, registry

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with registry(tmp_path) as found:
        yield found


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    auth = ("0sessiontoken", served.door.token())
    with httpx.Client(base_url=f"http://{served.host}/v2/db/schema/images/app", auth=auth, timeout=120) as made:
        yield made


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push_blob(client: httpx.Client, content: bytes) -> str:
    client.post("/blobs/uploads/", params={"digest": digest(content)}, content=content).raise_for_status()
    return digest(content)


def manifest(client: httpx.Client, architecture: str = "amd64", kind: str | None = IMAGE) -> bytes:
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {"Labels": {"a": "b"}}}).encode()
    body = {
        "schemaVersion": 2,
        "config": {"mediaType": CONFIG, "digest": push_blob(client, config), "size": len(config)},
        "layers": [],
    }
    return json.dumps(body | ({"mediaType": kind} if kind else {})).encode()


def put(client: httpx.Client, reference: str, content: bytes, kind: str = IMAGE) -> httpx.Response:
    return client.put(f"/manifests/{reference}", content=content, headers={"content-type": kind})


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def begin(client: httpx.Client) -> str:
    """Start an upload; returns where to go on."""
    reply = client.post("/blobs/uploads/")
    assert reply.status_code == 202
    return str(client.base_url.join(reply.headers["location"]))


def test_without_a_login_the_way_in_is_told(served: Served) -> None:
    reply = httpx.get(f"http://{served.host}/v2/")
    assert code(reply) == (401, "UNAUTHORIZED")
    assert reply.headers["www-authenticate"].startswith("Basic realm=")


def test_a_blob_goes_in_by_one_request_and_is_there(client: httpx.Client) -> None:
    name = push_blob(client, b"content")
    head = client.head(f"/blobs/{name}")
    assert (head.status_code, head.headers["content-length"]) == (200, "7")
    assert head.headers["docker-content-digest"] == name
    assert client.get(f"/blobs/{name}").content == b"content"


def test_a_blob_goes_in_piece_by_piece(client: httpx.Client) -> None:
    where = begin(client)
    first = client.patch(where, content=b"one ", headers={"content-range": "0-3"})
    assert (first.status_code, first.headers["range"]) == (202, "0-3")
    assert client.get(where).headers["range"] == "0-3"
    client.patch(where, content=b"two ", headers={"content-range": "4-7"}).raise_for_status()
    last = client.put(where, params={"digest": digest(b"one two three")}, content=b"three")
    assert last.status_code == 201
    assert client.get(f"/blobs/{digest(b'one two three')}").content == b"one two three"


def test_a_piece_out_of_order_is_refused(client: httpx.Client) -> None:
    where = begin(client)
    client.patch(where, content=b"one ", headers={"content-range": "0-3"}).raise_for_status()
    assert code(client.patch(where, content=b"x", headers={"content-range": "9-9"})) == (416, "RANGE_INVALID")


def test_an_upload_goes_on_after_a_restart(client: httpx.Client, tmp_path: Path) -> None:
    where = begin(client)
    client.patch(where, content=b"begun ").raise_for_status()
    upload = where.rpartition("/")[2]
    later = Store(tmp_path)
    found = later.upload(upload)
    assert found is not None
    assert found.size == 6
    found.append(b"ended")
    later.finish_upload(upload, digest(b"begun ended"))
    assert later.blob(digest(b"begun ended")) is not None


def test_bytes_that_do_not_hash_to_their_name_are_refused_and_forgotten(client: httpx.Client) -> None:
    reply = client.post("/blobs/uploads/", params={"digest": digest(b"other")}, content=b"content")
    assert code(reply) == (400, "DIGEST_INVALID")
    assert client.head(f"/blobs/{digest(b'other')}").status_code == 404


def test_an_upload_can_be_given_up(client: httpx.Client) -> None:
    where = begin(client)
    assert client.delete(where).status_code == 204
    assert code(client.patch(where, content=b"x")) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_part_of_a_blob_is_sent(client: httpx.Client) -> None:
    name = push_blob(client, b"0123456789")
    part = client.get(f"/blobs/{name}", headers={"range": "bytes=3-5"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"345", "bytes 3-5/10")
    assert client.get(f"/blobs/{name}", headers={"range": "bytes=20-"}).status_code == 416


def test_a_blob_that_is_there_is_mounted(client: httpx.Client) -> None:
    name = push_blob(client, b"content")
    there = client.post("/blobs/uploads/", params={"mount": name, "from": "db/schema/images/other"})
    assert there.status_code == 201
    absent = client.post("/blobs/uploads/", params={"mount": digest(b"nothing"), "from": "db/schema/images/other"})
    assert absent.status_code == 202


@pytest.mark.parametrize("kind", [IMAGE, DOCKER])
def test_a_manifest_comes_back_by_tag_and_by_digest_as_it_was_sent(client: httpx.Client, kind: str) -> None:
    content = manifest(client, kind=kind)
    assert put(client, "1", content, kind).headers["docker-content-digest"] == digest(content)
    for reference in ("1", digest(content)):
        reply = client.get(f"/manifests/{reference}")
        assert (reply.content, reply.headers["content-type"]) == (content, kind)
        assert client.head(f"/manifests/{reference}").headers["docker-content-digest"] == digest(content)


def test_a_manifest_without_a_media_type_has_that_of_its_request(client: httpx.Client) -> None:
    put(client, "1", manifest(client, kind=None)).raise_for_status()
    assert client.get("/manifests/1").headers["content-type"] == IMAGE


def test_an_index_is_kept_and_its_platform_found(client: httpx.Client, tmp_path: Path) -> None:
    entries = []
    for architecture in ("arm64", "amd64"):
        content = manifest(client, architecture)
        put(client, digest(content), content).raise_for_status()
        platform = {"architecture": architecture, "os": "linux"}
        entries.append({"mediaType": IMAGE, "digest": digest(content), "size": len(content), "platform": platform})
    attestation = manifest(client, "unknown")
    put(client, digest(attestation), attestation).raise_for_status()
    unknown = {"mediaType": IMAGE, "digest": digest(attestation), "platform": {"architecture": "unknown"}}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [unknown, *entries]}).encode()
    put(client, "1", index, INDEX).raise_for_status()
    found = find_image(Store(tmp_path), "db/schema/images/app", "1", "amd64")
    assert found is not None
    assert (found.digest, found.manifest_digest) == (digest(index), entries[1]["digest"])
    assert (found.architecture, found.labels) == ("amd64", {"a": "b"})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"not json", "MANIFEST_INVALID"),
        (b'{"schemaVersion": 1}', "MANIFEST_INVALID"),
        (b'{"schemaVersion": 2, "mediaType": "text/plain"}', "MANIFEST_INVALID"),
        (
            json.dumps({"schemaVersion": 2, "layers": [{"digest": f"sha256:{'0' * 64}"}]}).encode(),
            "MANIFEST_BLOB_UNKNOWN",
        ),
    ],
)
def test_a_manifest_that_cannot_be_kept_is_refused(client: httpx.Client, content: bytes, expected: str) -> None:
    assert code(put(client, "1", content)) == (400, expected)


def test_a_manifest_must_hash_to_the_digest_that_it_is_put_under(client: httpx.Client) -> None:
    assert code(put(client, f"sha256:{'0' * 64}", manifest(client))) == (400, "DIGEST_INVALID")


def test_a_manifest_above_four_mebibytes_is_refused(client: httpx.Client) -> None:
    assert code(put(client, "1", b" " * (5 << 20))) == (413, "SIZE_INVALID")


def test_tags_are_listed_in_pages(client: httpx.Client) -> None:
    content = manifest(client)
    for tag in ("b", "a", "c"):
        put(client, tag, content).raise_for_status()
    assert client.get("/tags/list").json() == {"name": "db/schema/images/app", "tags": ["a", "b", "c"]}
    page = client.get("/tags/list", params={"n": 2})
    assert page.json()["tags"] == ["a", "b"]
    assert 'rel="next"' in page.headers["link"]
    assert client.get("/tags/list", params={"n": 2, "last": "b"}).json()["tags"] == ["c"]


def test_what_is_not_there_is_said_by_its_code(client: httpx.Client) -> None:
    assert code(client.get("/manifests/none")) == (404, "MANIFEST_UNKNOWN")
    assert code(client.get(f"/blobs/{digest(b'none')}")) == (404, "BLOB_UNKNOWN")
    assert code(client.get("/tags/list")) == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize("name", ["db/schema/images", "DB/schema/images/app", "db/schema/images/_tags", "a/../b/c/d"])
def test_a_name_that_is_no_path_of_an_image_is_refused(served: Served, client: httpx.Client, name: str) -> None:
    with httpx.Client(auth=client.auth) as other:
        reply = other.post(f"http://{served.host}/v2/{name}/blobs/uploads/")
    assert reply.status_code == 404


def test_a_dropped_repository_gives_up_what_nothing_else_uses(tmp_path: Path) -> None:
    store = Store(tmp_path)
    contents = {}
    for repository in ("d/s/a", "d/s/b"):
        layer = repository.encode()
        upload = store.start_upload()
        found = store.upload(upload)
        assert found is not None
        found.append(layer)
        store.finish_upload(upload, digest(layer))
        content = json.dumps({"schemaVersion": 2, "layers": [{"digest": digest(layer)}]}).encode()
        store.put_manifest(f"{repository}/app", IMAGE, content, "1")
        contents[repository] = (digest(layer), digest(content))
    for path in (tmp_path / "blobs").glob("*/*"):
        os.utime(path, (0, 0))
    store.drop("d/s/a")
    assert [store.blob(name) for name in contents["d/s/a"]] == [None, None]
    assert all(store.blob(name) for name in contents["d/s/b"])
    assert store.manifest("d/s/b/app", "1") is not None
