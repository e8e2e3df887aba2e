"""What a compute pool complains of, by its error code and its sentence, and what mends it."""

from __future__ import annotations

from spcs.errors import Known

#: The first that fits counts. `more` is one node more than the pool may have.
POOL = (
    Known(
        ("392507", "We have observed CAPACITY_ERROR"),
        "the cloud has no machines of its family left at the moment",
        "wait, or name another compute_pool.instance_family (of another pool) in invoke.yaml",
    ),
    Known(
        ("392508", "Compute pool has reached the maximum node limit"),
        "it has all the nodes that it may have",
        "ALTER COMPUTE POOL {pool} SET MAX_NODES = {more}",
    ),
    Known(
        ("Requested number of nodes … exceeds the node limit for the account",),
        "the account may have no more nodes of that family",
        "lower max_nodes of {pool} in invoke.yaml, or ask Snowflake for a higher limit",
    ),
)
