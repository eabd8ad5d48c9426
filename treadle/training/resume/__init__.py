"""Checkpoints that appear whole, and runs that go on from them."""
