"""The statistics of results: one family of estimates, intervals and tests."""
