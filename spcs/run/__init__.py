"""A run from its name to its verdict: submit, watch, logs, files."""
