"""Pushes a tiny image of the kind that runs as a process, straight over the registry's protocol."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence

import httpx

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def push(
    repository_url: str,
    password: str,
    name: str = "tiny",
    tag: str = "1",
    *,
    files: Mapping[str, bytes] | None = None,
    entrypoint: Sequence[str] = ("python", "-c", "print('hello')"),
    labels: Mapping[str, str] | None = None,
) -> str:
    """Push an image with these files and return its digest. `password` is that of the user `0sessiontoken`."""
    host, _, repository = repository_url.partition("/")
    layer = _layer(files or {})
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": list(entrypoint),
                "WorkingDir": "/app",
                "Labels": {"spcs.runtime": "process"} if labels is None else dict(labels),
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": _digest(layer), "size": len(layer)}],
        }
    ).encode()
    with httpx.Client(
        base_url=f"http://{host}/v2/{repository}/{name}", auth=("0sessiontoken", password), timeout=120
    ) as client:
        for blob in (layer, config):
            start = client.post("/blobs/uploads/").raise_for_status()
            where = httpx.URL(f"http://{host}").join(start.headers["location"])
            client.put(where.copy_merge_params({"digest": _digest(blob)}), content=blob).raise_for_status()
        done = client.put(f"/manifests/{tag}", content=manifest, headers={"content-type": MANIFEST})
        done.raise_for_status()
    return _digest(manifest)


def _layer(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path, content in sorted({"app/.keep": b"", **files}.items()):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
