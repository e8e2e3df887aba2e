from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from spcs.image import engines, reference
from spcs.image.credentials import Folder
from spcs.image.engines import Build
from spcs.image.oci import OciEngine
from tests.images import make_plan, write_code


def make(folder: Path, **settings: Any) -> tuple[OciEngine, str, str]:
    """Build an image in `folder`; returns the engine, the image's full name and its id."""
    if not (folder / "app").exists():
        write_code(folder)
    engine = OciEngine(folder / "images", Folder(folder / "docker"), "because")
    plan = make_plan(folder, **settings)
    ref = reference(plan, "process")
    return engine, ref, engine.build(Build(plan, ref, folder / "context", (), {"x": "1"}), print)


def read(layout: Path, descriptor: dict[str, Any]) -> bytes:
    content: bytes = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
    assert len(content) == descriptor["size"]
    return content


def opened(layout: Path) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    """The manifest, the configuration and the layers' tar files."""
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (descriptor,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(read(layout, descriptor))
    layers = [gzip.decompress(read(layout, layer)) for layer in manifest["layers"]]
    return manifest, json.loads(read(layout, manifest["config"])), layers


def test_layout_is_complete_and_every_digest_holds(tmp_path: Path) -> None:
    engine, ref, image_id = make(tmp_path)
    manifest, config, layers = opened(engine.layout(ref))
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["digest"] == image_id == engine.find(ref)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_configuration_starts_the_program_and_names_the_process_runtime(tmp_path: Path) -> None:
    engine, ref, _ = make(tmp_path)
    assert opened(engine.layout(ref))[1]["config"] == {
        "Entrypoint": ["python", "-m", "app"],
        "Env": ["PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"],
        "Labels": {"spcs.runtime": "process", "x": "1"},
        "WorkingDir": "/home/app",
    }


def test_layer_holds_the_code_alone(tmp_path: Path) -> None:
    engine, ref, _ = make(tmp_path)
    (layer,) = opened(engine.layout(ref))[2]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        entries = {entry.name: (entry.mode, entry.uid, entry.isfile()) for entry in tar}
    assert entries == {
        "home": (0o755, 0, False),
        "home/app": (0o755, 0, False),
        "home/app/app": (0o755, 0, False),
        "home/app/app/__init__.py": (0o644, 0, True),
        "home/app/app/__main__.py": (0o644, 0, True),
        "home/app/app/tool.sh": (0o755, 0, True),
    }


def test_same_files_give_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    engine, ref, image_id = make(tmp_path / "one")
    other, other_ref, other_id = make(tmp_path / "two")
    assert (ref, image_id) == (other_ref, other_id)
    assert (engine.layout(ref) / "index.json").read_bytes() == (other.layout(ref) / "index.json").read_bytes()


def test_each_path_of_the_code_has_its_own_layer(tmp_path: Path) -> None:
    (tmp_path / "main.py").parent.mkdir(exist_ok=True)
    (tmp_path / "main.py").write_text("pass\n")
    engine, ref, _ = make(tmp_path, code=("app", "main.py"))
    assert len(opened(engine.layout(ref))[2]) == 2


def test_image_is_found_only_under_its_full_name(tmp_path: Path) -> None:
    engine, ref, _ = make(tmp_path)
    assert engine.find(ref.replace("127.0.0.1:5000", "127.0.0.1:5001")) is None
    assert engine.find(f"{ref}0") is None


def test_half_written_layout_is_no_image(tmp_path: Path) -> None:
    engine, ref, _ = make(tmp_path)
    (engine.layout(ref) / "index.json").write_text("{")
    assert engine.find(ref) is None


def test_images_of_a_repository_are_listed(tmp_path: Path) -> None:
    engine, ref, image_id = make(tmp_path)
    repository = ref.rpartition(":")[0]
    (listed,) = engine.images(repository)
    assert (listed.ref, listed.image_id) == (ref, image_id.removeprefix("sha256:")[:12])
    assert engine.images(f"{repository}s") == []


@pytest.mark.parametrize("attribute", ["find", "build", "push", "login", "images", "commands_to_build", "reason"])
def test_engine_keeps_the_border(attribute: str, tmp_path: Path) -> None:
    engine: engines.Engine = OciEngine(tmp_path, Folder(tmp_path), "because")
    assert hasattr(engine, attribute)
