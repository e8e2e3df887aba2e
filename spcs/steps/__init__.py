"""What each task does: the rooms put together, one function a task. Imported by the task that runs, not before."""
