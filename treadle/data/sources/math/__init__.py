"""Forms of solutions, most of them of mathematics, and how their texts are cut into steps."""
