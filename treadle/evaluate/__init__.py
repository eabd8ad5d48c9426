"""Benchmarks, generation, grading and what is made of the results."""
