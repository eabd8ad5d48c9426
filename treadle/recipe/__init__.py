"""From a recipe to a run: schema, derived sizes, stages and their folders, the trainer of a stage."""
