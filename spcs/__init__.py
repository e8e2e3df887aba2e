"""What runs on the desk behind the tasks."""
