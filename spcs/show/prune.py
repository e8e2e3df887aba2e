"""What `inv prune` is about to do: the runs that go, and what keeps the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spcs.run.model import readable_size
from spcs.show.console import say

if TYPE_CHECKING:
    from spcs.run.listed import Choice


def choices(found: Sequence[Choice]) -> None:
    """Say which runs go and what they free, and why others stay."""
    going = [choice for choice in found if not choice.kept]
    for choice in going:
        has = f"{choice.size.files} files, {readable_size(choice.size.bytes)}" if choice.size.files else "no files"
        job = "" if choice.listed.is_there else ", its job is gone already"
        say(f"{'remove':<8} {choice.listed.run.name}: {choice.listed.state.word}, {has}{job}")
    for why, count in Counter(choice.kept for choice in found if choice.kept).items():
        say(f"{'keep':<8} {count} {'run' if count == 1 else 'runs'}: {why}", "quiet")
    total = readable_size(sum(choice.size.bytes for choice in going))
    say(f"{len(going)} of {len(found)} runs go, and with them {total}" if going else "there is nothing to remove")
