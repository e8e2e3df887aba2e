"""A real Chromium without a window, for tests of pages: WebDriver, which chromedriver speaks, is JSON over HTTP."""

from __future__ import annotations

import base64
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@functools.cache
def lacking() -> str:
    """Why there is no browser to test with; empty if there is one."""
    if not shutil.which("chromedriver"):
        return "no chromedriver on this machine (Debian's package is chromium-driver)"
    return "" if _chromium() else f"no {' or '.join(_BROWSERS)} on this machine"


class Browser:
    """One window. Coordinates and sizes are CSS pixels."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client, self._session = client, session

    def ask(self, verb: str, path: str, **body: Any) -> Any:
        """Send one WebDriver command and return its value; an error of the browser's is an AssertionError."""
        path = f"/session/{self._session}{path}"
        answer = self._client.request(verb, path, json=body if verb == "POST" else None).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, url: str) -> None:
        self.ask("POST", "/url", url=url)

    def reload(self) -> None:
        self.ask("POST", "/refresh")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page, whether or not the page may run any of its own; returns what it returns."""
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def wait(self, condition: str) -> Any:
        """Return what the JavaScript expression is once it is true; the page itself says when to look again."""
        script = f"""
            const done = arguments[0];
            const look = () => {{ const value = {condition}; if (value) {{ watch.disconnect(); done(value); }} }};
            const watch = new MutationObserver(look);
            watch.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});
            look();
        """
        return self.ask("POST", "/execute/async", script=script, args=[])

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self.ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def look(self, *, width: int = 1280, dark: bool = False, media: str = "", scripts: bool = True) -> None:
        """Show pages as wide as this, in the light or the dark, on a screen or as printed."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)

    def log(self) -> list[Mapping[str, Any]]:
        """Return what the browser has to say of its pages since the last call: errors, and each request it sent."""
        found: list[Mapping[str, Any]] = self.ask("POST", "/se/log", type="browser")
        return found

    def picture(self, file: Path) -> Path:
        """Write the whole page as a PNG."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        file.write_bytes(base64.b64decode(shot["data"]))
        return file

    def printed(self) -> bytes:
        """Return the page as a PDF."""
        return base64.b64decode(self.ask("POST", "/print", background=True))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start chromedriver and a browser with a profile of its own in `folder`; both end with the block."""
    options = [
        "--headless=new",
        f"--user-data-dir={folder / 'profile'}",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # which Chromium wants, but not as root
    command = ["chromedriver", "--port=0"]
    env = {name: text for name, text in os.environ.items() if name != "SPCS_LOCAL_ROOT"}  # it belongs to no account
    env["XDG_CONFIG_HOME"] = str(folder)
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    assert driver.stdout
    try:
        port = next(found[1] for line in driver.stdout if (found := re.search(r"successfully on port (\d+)", line)))
        wanted = {
            "goog:chromeOptions": {"args": options, "binary": _chromium()},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": 300_000, "pageLoad": 300_000},
        }
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=330, trust_env=False) as client:
            answer = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
            assert "sessionId" in answer, answer
            window = Browser(client, answer["sessionId"])
            try:
                yield window
            finally:
                window.ask("DELETE", "")
    finally:
        driver.terminate()
        driver.wait(30)


def _chromium() -> str:
    return next((path for name in _BROWSERS if (path := shutil.which(name))), "")
