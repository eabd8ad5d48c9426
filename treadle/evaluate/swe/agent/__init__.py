"""The agent: what it is told, its tools, and its episode."""
