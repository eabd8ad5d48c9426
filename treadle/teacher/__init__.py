"""Teachers and students: expert trajectories made, rewritten, filtered and bootstrapped."""
