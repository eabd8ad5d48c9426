"""Fields that models are trained in: for each its prompts, how its steps are compared, its verdict, its environment."""
