"""Forms of agents' runs, and how their turns become steps."""
