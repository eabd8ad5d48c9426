"""A stage whose length is given in minutes."""

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from treadle.training.duration import Duration


@pytest.mark.parametrize(("elapsed", "over"), [(59.9, False), (60.0, True), (1e4, True)])
def test_training_ends_after_the_step_in_which_the_time_is_over(tmp_path, elapsed, over):
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to=[])
    control = Duration(60, lambda: elapsed).on_step_end(arguments, TrainerState(), TrainerControl())
    assert control.should_training_stop is over
    assert not control.should_evaluate


def test_the_last_weights_are_validated_where_a_stage_is(tmp_path):
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to=[], eval_strategy="steps", eval_steps=9)
    control = Duration(1, lambda: 2).on_step_end(arguments, TrainerState(), TrainerControl())
    assert [control.should_training_stop, control.should_evaluate, control.should_save] == [True] * 3
