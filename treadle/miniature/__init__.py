"""The quick start: a small world of chained arithmetic, its base model, its arms and its page."""
