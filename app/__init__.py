"""A training program: `python -m app` reads a table, trains a small network on it and writes what it learned.

To read it: config, model and train are the whole in short; then optimizer, checkpoint, runtime and the folder data, and
report and pictures for what is said and left. entry starts several processes, in one container or many.
"""
