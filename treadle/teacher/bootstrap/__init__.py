"""Bootstrapping: a student samples solutions, and trains on those of its own that are right, round by round."""
