"""Software-engineering tasks in place of problems: a sample is an agent's episode, graded by the task's tests.

given        which tasks are given, and what is left out before anything is asked
attempts     the samples: episodes of `treadle swe run`, graded
grades       verdicts, each patch of a task judged once
rows         an episode as the messages that `treadle prepare` reads
outcomes     what became of each sample, rows and counts
run, select  the commands
"""
