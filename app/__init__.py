"""A training program: `python -m app` reads a table, trains a small network on it and writes what it learned."""
