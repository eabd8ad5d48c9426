"""What a run does when training goes wrong: one guard a module.

A guard is told by the trainer, in the order in which a step runs, and knows nothing of it. Which of these hooks it has,
it says by their names:

| hook | when | guards |
|---|---|---|
| `around_generation` | completions are generated | `RolloutMemory` |
| `rewarded` | a round of completions has its rewards | `Unscorable`, `FormatFaults`, `Collapse` |
| `generated` | all rounds of a generation are there | `Collapse` |
| `around_step`, `around_loss` | a micro-batch is prepared, its loss computed | `Halving`, `StaleRollouts` |
| `before_clipping`, `gradients` | an optimizer step's gradients are there | `StaleRollouts`, `StepGuard` |

Besides, `GuardedReward` is a reward function around another. What outlives a checkpoint has `state` and `load_state`.
"""
