"""Benchmarks, generation, grading and the statistics of results."""
