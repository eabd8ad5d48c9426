"""Teachers and students: expert trajectories that are made, rewritten, filtered and bootstrapped."""
