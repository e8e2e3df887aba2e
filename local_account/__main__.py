"""`python -m local_account serve|up|down|status|reset`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from local_account.process import ServerProblem, down, find, remove, up
from local_account.root import Root, Settings

NOT_READY = 3


def _seconds(name: str) -> float:
    """Default of a setting in seconds: SPCS_LOCAL_<NAME>, else the one in Settings."""
    given = os.environ.get(f"SPCS_LOCAL_{name.upper()}")
    return float(given) if given else float(getattr(Settings, name))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_account", description="A Snowflake account on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("serve", "run the server here"), ("up", "start the server in the background")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--port", type=int, default=0, help="default: the one it had before, else a free one")
        command.add_argument("--runtime", choices=("auto", "docker", "podman", "process"), default="auto")
        for setting in ("hold_s", "session_s", "master_s"):
            command.add_argument(f"--{setting.replace('_', '-')}", type=float, default=_seconds(setting))
    commands.choices["serve"].add_argument("--ready-fd", type=int, default=None, help=argparse.SUPPRESS)
    commands.add_parser("down", help="stop the server")
    commands.add_parser("status", help="print the running server as JSON; exit code 3 if none runs")
    commands.add_parser("reset", help="stop the server, remove its containers and its whole state")
    return parser


def main(words: list[str] | None = None) -> int:
    given = _arguments().parse_args(words)
    root = Root.here()
    try:
        return _run(root, given)
    except ServerProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return NOT_READY
    except KeyboardInterrupt:
        return 130


def _run(root: Root, given: argparse.Namespace) -> int:
    if given.command == "serve":
        from local_account.serve import serve  # half a second of imports that the other commands do without

        serve(root, Settings(given.port, given.runtime, given.hold_s, given.session_s, given.master_s), given.ready_fd)
    elif given.command == "up":
        options = ["--port", str(given.port), "--runtime", given.runtime]
        for setting in ("hold_s", "session_s", "master_s"):
            options += [f"--{setting.replace('_', '-')}", str(getattr(given, setting))]
        print(up(root, options).line())
    elif given.command == "down":
        print(json.dumps({"stopped": down(root)}))
    elif given.command == "status":
        running = find(root)
        print(running.line() if running else json.dumps({"running": False}))
        return 0 if running else NOT_READY
    else:
        down(root)
        if root.path.is_dir():
            from local_account.services import remove_all

            left = remove_all(root)
            remove(root)
            if left:
                raise ServerProblem(left)
        print(json.dumps({"reset": True}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
