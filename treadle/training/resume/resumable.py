"""`Resumable`: a mixin for transformers' trainers whose checkpoints are whole and whose continuation is exact.

transformers writes a checkpoint file by file into its final place, and restores weights, optimizer, scheduler and
random state. Here a checkpoint is written aside and published (`treadle.training.resume.checkpoints`), and holds
besides what the loop, the order of the data and the trainer's parts need. On a CPU in float32 a run that was killed and
continued ends in the same bytes as one that never was.

With another number of processes or another micro-batch the shared state is used and the processes' own is not; the
random numbers are then others.

Limits: a data set that is a stream is skipped through as transformers does it, `sync_ref_model` is not restored (a
warning says so), and a checkpoint of another trainer is continued as transformers would.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from treadle.errors import OutputError
from treadle.files.whole import sync_file, sync_tree
from treadle.training.prompt_order import set_epoch
from treadle.training.resume import Part, checkpoints
from treadle.training.resume.readable import restoring
from treadle.training.resume.writing import Writing

SHARED = "shared_state.pt"
_SHARED_KEYS = ("layout", "seconds", "total_loss", "last_logged", "epoch_start", "parts")
JOURNALS = ("metrics.jsonl", "rollouts.jsonl")
"""Files of the output folder that must reach at least as far as a checkpoint."""


class Resumable:
    """Goes before a trainer's class in the bases; see the module.

    Attributes:
        stateful: The parts whose state a checkpoint holds, by name. Set by the trainer.
    """

    stateful: dict[str, Part]

    draws_apart = False
    """Whether every process draws random numbers of its own, as TRL's GRPO does."""

    _epoch_start: torch.Tensor | None = None  # torch's random state before the order of this epoch was drawn
    _loop: dict[str, Any] | None = None  # what the loop's counters are to be set to once it has set its own
    _moved = False  # resumed on another number of processes, or with another micro-batch
    _seconds_before = 0.0
    _began = 0.0
    _writing: Writing | None = None

    # What a checkpoint holds besides transformers' files

    @property
    def _layout(self) -> list[int]:
        """How rows are spread over processes and micro-batches."""
        return [self.args.world_size, self.args.per_device_train_batch_size]

    def shared_state(self) -> dict[str, Any]:
        """What all processes hold alike, the parts' states among it."""
        return {
            "layout": self._layout,
            "seconds": self._seconds_before + time.monotonic() - self._began,
            "total_loss": self._total_loss_scalar,
            "last_logged": self._globalstep_last_logged,
            "epoch_start": self._epoch_start,
            "parts": {name: part.state() for name, part in self.stateful.items()},
        }

    def load_shared_state(self, state: dict[str, Any]) -> None:
        """Go on from what `shared_state` returned."""
        self._seconds_before = state["seconds"]
        self._epoch_start = state["epoch_start"]
        self._loop = {"_total_loss_scalar": state["total_loss"], "_globalstep_last_logged": state["last_logged"]}
        for name, part in self.stateful.items():
            if name in state["parts"]:
                part.load_state(state["parts"][name])

    def process_state(self) -> dict[str, Any]:
        """What this process alone holds, of the same types."""
        metrics = {mode: dict(values) for mode, values in self._metrics.items()}
        return {"loss": self._tr_loss, "metrics": metrics}

    def load_process_state(self, state: dict[str, Any] | None) -> None:
        """Go on from what `process_state` returned; `None`: it was saved by another layout."""
        if state is None:
            return
        self._loop["_tr_loss"] = state["loss"].to(self.args.device)
        for mode, values in state["metrics"].items():
            self._metrics[mode].update(values)

    # Saving

    def saving(self) -> AbstractContextManager[None]:
        """Entered while a checkpoint is saved."""
        return nullcontext()

    def _get_output_dir(self, trial: Any) -> str:
        """Where transformers writes, and where alone it removes: beside the checkpoints that have a name."""
        return str(checkpoints.aside(Path(self.args.output_dir)))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with self.saving():
            self._save_together(partial(super()._save_checkpoint, model, trial))

    def _save_together(self, save: Callable[[], None]) -> None:
        folder = Path(self.args.output_dir)
        written = checkpoints.aside(folder) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        target = folder / written.name
        args, main = self.args, self.accelerator.is_main_process
        if main:
            checkpoints.clean(folder)
        self.accelerator.wait_for_everyone()
        self._writing = writing = Writing(target, args.world_size, args.device, main, args.save_total_limit)
        with writing.noting_failures():
            save()
            if self.state.best_global_step == self.state.global_step:
                self.state.best_model_checkpoint = str(target)
                if main:
                    self.state.save_to_json(str(written / TRAINER_STATE_NAME))
        shared = self.shared_state()
        with writing.noting_failures():
            written.mkdir(parents=True, exist_ok=True)
            if main:
                torch.save(shared, written / SHARED)
                for journal in filter(Path.is_file, (folder / name for name in JOURNALS)):
                    sync_file(journal)
            torch.save(self.process_state(), written / self._own_file())
        writing.agree()
        with writing.noting_failures():
            if self.accelerator.is_local_main_process:  # a machine syncs what its own processes wrote
                sync_tree(written)
        writing.agree()
        with writing.noting_failures():
            if main:
                checkpoints.seal(written, args.world_size)
                checkpoints.publish(written, folder)
        writing.agree()
        self._writing = None
        if main:
            self._rotate(target, later=True)

    def _rotate(self, newest: Path, later: bool) -> None:
        best = Path(self.state.best_model_checkpoint) if self.state.best_model_checkpoint else None
        checkpoints.rotate(newest.parent, newest, self.args.save_total_limit, best, later)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As in transformers; within a checkpoint a failure is noted, as other processes wait after it."""
        with self._writing.noting_failures() if self._writing and _internal_call else nullcontext():
            super().save_model(output_dir, _internal_call)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """TRL's, but none with each checkpoint: it names no base where that is a folder, and nobody looks for it."""
        if self._writing is None:
            super().create_model_card(*args, **kwargs)

    def _own_file(self) -> str:
        return f"process_state_{self.args.process_index}.pt"

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        best = super()._determine_best_metric(metrics, trial)
        self.control.should_save = self.control.should_save or best
        return best

    # Going on

    def _init_training_state(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
        self._loop, self._moved, self._seconds_before, self._began = None, False, 0.0, time.monotonic()
        begun = super()._init_training_state(*args, **kwargs)
        if self.state.best_global_step:
            best = Path(self.args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.best_global_step}"
            problem = checkpoints.problem_of(best, hashes=False)
            self.state.best_model_checkpoint = str(best)
            if problem is not None:
                if self.accelerator.is_main_process:
                    lost = f"treadle: the best checkpoint is lost, {best}: {problem}; the next best counts"
                    print(lost, file=sys.stderr)
                self.state.best_metric = self.state.best_model_checkpoint = self.state.best_global_step = None
        return begun

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with restoring(checkpoint, "optimizer.pt, scheduler.pt") if checkpoint else nullcontext():
            super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        file = Path(checkpoint) / SHARED
        is_main = self.accelerator.is_main_process
        if not file.is_file():
            if is_main:
                warnings.warn(
                    f"{checkpoint} holds no {SHARED}: it was not saved by treadle, and the order of the data, buffers "
                    "and logs go on as transformers leaves them",
                    stacklevel=2,
                )
            return
        if is_main and getattr(self.args, "sync_ref_model", False):
            warnings.warn(
                "sync_ref_model: the reference model's weights are not part of a checkpoint; it starts from the "
                "model that the stage began with",
                stacklevel=2,
            )
        with restoring(checkpoint, SHARED):
            shared = torch.load(file, map_location="cpu", weights_only=True)
        if missing := [name for name in _SHARED_KEYS if name not in shared]:
            found = ", ".join(map(str, shared))[:80] or "nothing"
            raise OutputError(
                f"{file}: has no {', '.join(missing)}, found {found}: not of this version of treadle; finish the stage "
                "with that which wrote it, or remove the checkpoint to go on from an earlier one or from the "
                f"beginning: rm -r {file.parent}"
            )
        with restoring(checkpoint, SHARED):
            self._moved = shared["layout"] != self._layout
            self.load_shared_state(shared)
        with restoring(checkpoint, self._own_file()):
            own = None
            if not self._moved:
                own = torch.load(Path(checkpoint) / self._own_file(), map_location="cpu", weights_only=True)
            self.load_process_state(own)
        if self.accelerator.is_main_process and Path(checkpoint).parent == Path(self.args.output_dir):
            self._rotate(Path(checkpoint), later=False)  # the number to keep may be smaller now

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        with restoring(resume_from_checkpoint, "the weights"):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """As transformers, which takes a tied weight that is stored under its other name for a missing one."""
        lacks, tied = set(load_result.missing_keys), getattr(self.model, "all_tied_weights_keys", {})
        if all(name in tied and tied[name] not in lacks for name in lacks):
            load_result = load_result._replace(missing_keys=[])
        super()._issue_warnings_after_load(load_result)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if self._moved:
            set_seed(self.args.seed + self.state.global_step, device_specific=self.draws_apart)
        else:
            with restoring(checkpoint, "rng_state*.pth") if checkpoint else nullcontext():
                super()._load_rng_state(checkpoint)

    def _run_epoch(self, **loop: Any) -> None:
        self._set_loop()
        if self.state.global_step >= self.state.max_steps:  # saved after the last step, and killed
            self.control.should_training_stop = True
            return
        checkpoint = loop["resume_from_checkpoint"]
        if checkpoint is not None and loop["epoch"] == loop["epochs_trained"]:
            # Samplers draw the epoch's order anew; transformers restores the random state after the skipped batches.
            if loop["steps_trained_in_current_epoch"] and self._epoch_start is not None:
                torch.set_rng_state(self._epoch_start)
            else:
                self._load_rng_state(checkpoint)
        self._epoch_start = torch.get_rng_state()
        set_epoch(loop["train_dataloader"], loop["epoch"])
        super()._run_epoch(**loop)

    def _finalize_training(self, trial: Any, num_train_samples: float, start_time: float) -> Any:
        self._set_loop()
        return super()._finalize_training(trial, num_train_samples, start_time - self._seconds_before)

    def _set_loop(self) -> None:
        """Once per `train`, after transformers has set its counters: go on counting from the checkpoint's."""
        if self._loop is not None:
            for name, value in self._loop.items():
                setattr(self, name, value)
            self._initial_global_step = 0
            self._loop = None
