"""The commands: `inv --list` names them, `inv --help NAME` explains one, `inv --dry …` prints what it would do.

Each is a function in commands/, which calls one in spcs/steps/. A command of your own is another function with @task,
here or there.
"""

from __future__ import annotations

import sys

# Invoke switches bytecode off, which would have our own modules compiled anew at every command.
sys.dont_write_bytecode = False

from invoke import Collection  # noqa: E402 - after the line above

from commands import account, bench, images, jobs, local, runs  # noqa: E402 - as above
from spcs.words import smooth  # noqa: E402 - as above

smooth()

ns = Collection(
    *(account.doctor, account.setup, account.teardown, account.data, account.pool),
    *(images.lock, images.build, images.push, images.images, images.login),
    *(jobs.new, jobs.render, jobs.run, jobs.schedule),
    *(runs.status, runs.jobs, runs.logs, runs.wait, runs.cancel, runs.diff, runs.fetch, runs.report, runs.board),
    *(runs.prune, bench.bench),
)
ns.add_collection(local.collection)
