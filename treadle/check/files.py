"""Whether the files of a model are whole, and can be opened: weights, config, tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.errors import TreadleError
from treadle.recipe.model_files import code_of, read_json
from treadle.recipe.models import check_model, lacks_weights, local_folder


def weights(subject: Subject) -> Iterator[Check]:
    """Files of weights: there, of a form that is read, and as long as their headers say."""
    try:
        check_model(subject.model, subject.trusted)
        tensors = subject.tensors
    except TreadleError as problem:
        yield error("weights", problem)
        return
    if tensors is None:
        yield ok("weights", "on the hub, looked at when they are loaded")
    else:
        yield ok("weights", f"{len(tensors):,} tensors, every file as long as its header says")


def config(subject: Subject) -> Iterator[Check]:
    """config.json: of a model that transformers knows by itself."""
    try:
        name = type(subject.network).__name__
    except TreadleError as problem:
        yield error("config", problem)
        return
    yield ok("config", f"{name}, {subject.network.num_parameters() / 1e6:,.1f} million parameters")


def code(subject: Subject) -> Iterator[Check]:
    """Python code that comes with the model or the tokenizer."""
    for name, file in ((subject.model, "config.json"), (subject.tokenizer_name, "tokenizer_config.json")):
        folder = local_folder(name)
        path = folder / file if folder else None
        classes = code_of(read_json(path)) if path and path.is_file() else []
        if classes and subject.trusted:
            yield warning("code", f"{path}: Python code that comes with it is executed: {', '.join(classes)}")
        elif classes:
            yield warning(
                "code",
                f"{path}: names {', '.join(classes)}, Python code that comes with it and is not executed; "
                "transformers' own classes stand for it (--trust-remote-code executes it, in a recipe "
                "trust_remote_code: true)",
            )


def tokenizer(subject: Subject) -> Iterator[Check]:
    """The tokenizer can be opened, and has a chat template and an end."""
    try:
        found = subject.tokenizer
    except TreadleError as problem:
        yield error("tokenizer", problem)
        return
    yield ok("tokenizer", f"{type(found).__name__}, {len(found):,} tokens")


def all_tensors(subject: Subject) -> Iterator[Check]:
    """The files hold a tensor of the right shape for each of the model's, where names can be compared."""
    tensors, network = subject.tensors, subject.network
    quantised = getattr(subject.config, "quantization_config", None) is not None
    if tensors is None or quantised or get_model_conversion_mapping(network, add_legacy=False):
        return  # stored under other names than in the model
    prefix = f"{network.base_model_prefix}."
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    tied = set(network.all_tied_weights_keys)
    stored = {name if name in shapes else prefix + name: shape for name, shape in tensors.items()}
    missing = sorted(shapes.keys() - stored.keys() - tied)
    if missing:
        yield error("tensors", lacks_weights(subject.model, missing))
        return
    other = next((name for name in shapes if name in stored and stored[name] != shapes[name]), None)
    if other:
        yield error(
            "tensors",
            f"{subject.model}: {other} has the shape {stored[other]} in its file, expected {shapes[other]} by "
            "config.json; take the config that belongs to these weights",
        )
        return
    if unused := sorted(_of_other_modules(stored.keys() - shapes.keys() - tied, network)):
        yield warning(
            "tensors",
            f"{subject.model}: {len(unused):,} tensors of its files belong to no part of {type(network).__name__} and "
            f"are left out (the first is {unused[0].removeprefix(prefix)}); take a causal language model if they "
            "matter",
        )
        return
    yield ok("tensors", "every tensor of the model is in its files, in the shape that the config says")


def _of_other_modules(names: Iterable[str], network: PreTrainedModel) -> Iterator[str]:
    """Names of tensors outside of the network's own modules, such as a classifier's head; not what old versions stored
    in its modules, such as masks, and not what its class is known to leave out."""
    known = {name for name, _ in network.named_children()} | {name for name, _ in network.base_model.named_children()}
    left_out = re.compile("|".join(network._keys_to_ignore_on_load_unexpected or ["(?!)"]))
    for name in names:
        inside = name.removeprefix(f"{network.base_model_prefix}.")
        if inside.partition(".")[0] not in known and not left_out.search(name) and not left_out.search(inside):
            yield name
