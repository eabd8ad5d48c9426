"""Right is what measures the amount."""


def judge(task, attempt, world):
    return world.solved or (False, f"no jug holds {world.wanted}")
