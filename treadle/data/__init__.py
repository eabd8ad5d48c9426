"""From files of trajectories to rows for a trainer: forms, curation, preparation, prompts, instances."""
