"""What a run does when training goes wrong: one guard a module."""
