"""Package indexes of a test's own: small wheels made here, served over HTTP as an index serves them."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


class Index:
    """An index in a folder, at `url`; `add` gives it another artifact. `seen` are the paths that were asked for."""

    def __init__(self, folder: Path, url: str, seen: list[str]) -> None:
        self.folder, self.url, self.seen = folder, url, seen

    def add(self, name: str, version: str, *needs: str) -> str:
        """Publish a wheel for every platform, which needs other packages (`numpy>=1`); returns its sha256."""
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        page = self.folder / name / "index.html"
        page.parent.mkdir(exist_ok=True)
        content = wheel(page.parent / file, name, version, needs)
        with page.open("a") as out:
            out.write(f'<a href="{file}#sha256={content}">{file}</a>\n')
        return content


def wheel(path: Path, name: str, version: str, needs: tuple[str, ...]) -> str:
    """Write a wheel with nothing in it but what it says of itself; returns its sha256."""
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {each}" for each in needs),
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{about}/METADATA", "\n".join(metadata) + "\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def served(folder: Path) -> Iterator[Index]:
    """An empty index on a port of the loopback."""
    folder.mkdir()
    seen: list[str] = []
    handler = partial(_Handler, seen, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield Index(folder, f"http://127.0.0.1:{server.server_port}", seen)
        finally:
            server.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, seen: list[str], *words: object, **more: object) -> None:
        self.seen = seen
        super().__init__(*words, **more)  # type: ignore[arg-type]

    def log_request(self, *_: object) -> None:
        self.seen.append(self.path)

    def log_message(self, *_: object) -> None:
        pass
