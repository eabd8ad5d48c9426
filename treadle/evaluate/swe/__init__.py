"""Software-engineering tasks: made, run by models, and graded; see `docs/swe.md`."""
