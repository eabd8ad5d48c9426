"""Bytes that a forward and backward hold, counted on the model's own code without computing anything.

The network is built of PyTorch's fake tensors, which have shapes, dtypes and storages but no data, and runs the same
modules, autocast, checkpointing, attention and head as in training: those of the prefix tree (`treadle.tree`), or
PyTorch's attention with a mask and TRL's head for padded rows. `treadle.plan.live` adds up the storages that are alive
after each operation. So the count knows of autocast's copies of the weights, of gradients before they are added up, of
tied heads, of adapters, and of every dense architecture that transformers has.

Limits: what a kernel allocates inside itself, the allocator's rounding and fragmentation, and the CUDA context are not
seen. The tokens of a tree stand in one row; what is stored of them is the same wherever they hang.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from transformers import AttentionInterface, AttentionMaskInterface
from trl.kernels import chunked_logprob
from trl.trainer.utils import add_fused_lm_head

from treadle.errors import ModelError
from treadle.plan.live import LiveBytes
from treadle.plan.model import build, dense_config
from treadle.recipe.models import first_line
from treadle.recipe.parts import Lora
from treadle.tree import attention
from treadle.tree import head as heads
from treadle.tree.attention import TreeAttention
from treadle.tree.support import causal_lm
from treadle.tree.trie import Tails, Tree

NAME = "treadle_plan"


@dataclass(frozen=True)
class Work:
    """One micro-batch.

    Attributes:
        model: Folder or hub id.
        lora: The adapter as JSON, or `None`.
        weights: Dtype in which the base weights are kept.
        compute: Dtype of the computation, by autocast where it is another.
        tokens: Tokens that are forwarded, padding included.
        scored: Those of them whose next token is scored in a tree, at most `tokens`.
        rows: 0 for a tree, else the rows that are forwarded one beside the other, padded to equal length.
        checkpointing: Gradient checkpointing.
        trusted: Whether Python code that comes with the model is executed.
        device: `"cuda"` or `"cpu"`, for the head's pieces and kernels.
    """

    model: str
    lora: str | None
    weights: torch.dtype
    compute: torch.dtype
    tokens: int
    scored: int
    checkpointing: bool
    device: str = "cuda"
    rows: int = 0
    trusted: bool = False


class Count(NamedTuple):
    """Bytes beyond weights, gradients and optimizer states.

    Attributes:
        held: Alive between forward and backward: what the backward needs. 0 without a backward.
        peak: The most that is alive at any time.
    """

    held: int
    peak: int


@lru_cache(maxsize=64)
def count_update(work: Work) -> Count:
    """Forward and backward of one micro-batch, of which there were others before: gradients are there already.

    Raises:
        ModelError: The model cannot be built, see `treadle.plan.model`.
    """
    with FakeTensorMode():
        network = _network(work)
        network.train()
        if work.checkpointing:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                network.gradient_checkpointing_enable({"use_reentrant": False})
            if work.lora is not None:  # as TRL does
                network.enable_input_require_grads()
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        live = LiveBytes([*network.parameters(), *network.buffers(), *gradients])
        with live, _head_of(work.device):
            log_probs_M = _forward(work, lambda: _scores(network, work))
            held = live.now
            log_probs_M.sum().backward()
    return Count(held, live.peak)


@lru_cache(maxsize=64)
def count_forward(work: Work) -> Count:
    """A forward without gradients through the layers alone, as in the prefill of a rollout; `scored` is not read."""
    with FakeTensorMode(), torch.no_grad():
        network = _network(work)
        live = LiveBytes([*network.parameters(), *network.buffers()])
        with live, _autocast(work):
            _forward(work, lambda: _hidden(network, work))
    return Count(0, live.peak)


def _forward(work: Work, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Raises `ModelError` where the sizes in a config contradict one another."""
    try:
        return compute()
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{work.model}: a model of its config cannot be computed ({first_line(error)}); compare config.json with "
            "the published one"
        ) from error


def _network(work: Work) -> Any:
    """The network of fake tensors; built on the meta device first, since peft does not build on fake ones."""
    lora = None if work.lora is None else Lora.model_validate_json(work.lora)
    with unset_fake_temporarily():
        network = build(dense_config(work.model, work.trusted), lora, work.weights, work.trusted)
    made: dict[torch.Tensor, torch.Tensor] = {}  # a tied head stays tied
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, value in tensors.items():
                if value is not None and value not in made:
                    fake = torch.empty(value.shape, dtype=value.dtype)
                    is_parameter = isinstance(value, torch.nn.Parameter)
                    made[value] = torch.nn.Parameter(fake, value.requires_grad) if is_parameter else fake
                tensors[name] = None if value is None else made[value]
    causal_lm(network).set_attn_implementation("sdpa" if work.rows else NAME)
    if work.rows:
        add_fused_lm_head(causal_lm(network), outputs=("log_probs", "entropy"))
    return network


def _scores(network: Any, work: Work) -> torch.Tensor:
    with _autocast(work):
        if work.rows:
            ids_BL = _ids(work)
            mask_BL = torch.ones_like(ids_BL)
            return network(input_ids=ids_BL, attention_mask=mask_BL, labels=ids_BL, fused_lm_head=True).log_probs
        hidden_TH = _hidden(network, work)[0]
        index_M = torch.zeros(work.scored, dtype=torch.long)
        head = causal_lm(network).get_output_embeddings()
        # An index as from a mask: it copies the rows.
        return heads.score(head, hidden_TH[index_M], index_M, temperature=1.0, entropy=True)[0]


def _hidden(network: Any, work: Work) -> torch.Tensor:
    ids_BL = _ids(work)
    more = {"attention_mask": torch.ones_like(ids_BL)} if work.rows else {"position_ids": ids_BL}
    return causal_lm(network).base_model(input_ids=ids_BL, use_cache=False, **more).last_hidden_state


def _ids(work: Work) -> torch.Tensor:
    rows = max(work.rows, 1)
    return torch.zeros(rows, -(-work.tokens // rows), dtype=torch.long)


def _autocast(work: Work) -> Any:
    return torch.autocast("cpu", work.compute, enabled=work.compute != torch.float32)


@contextmanager
def _head_of(device: str) -> Iterator[None]:
    """Fake tensors lie on the CPU; the heads are to hold what they do on the device that is planned for.

    On CUDA treadle's head takes larger pieces, TRL's folds its tiles in Triton kernels that allocate nothing, and the
    tree's attention stays in half precision.
    """
    before = heads.LOGITS_HELD["cpu"], chunked_logprob._forward_tile, chunked_logprob._backward_tile
    wide = set(attention.WIDE)
    heads.LOGITS_HELD["cpu"] = heads.LOGITS_HELD[device]
    if device == "cuda":
        attention.WIDE.clear()
        chunked_logprob._forward_tile = chunked_logprob._backward_tile = lambda *args, **kwargs: None
    try:
        yield
    finally:
        heads.LOGITS_HELD["cpu"], chunked_logprob._forward_tile, chunked_logprob._backward_tile = before
        attention.WIDE.update(wide)


def _attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **kwargs: Any
) -> tuple[torch.Tensor, None]:
    """The tree's attention on a single chain, whatever windows or caps the layer asks for: they store nothing more."""
    if torch.is_autocast_enabled(query.device.type):
        query, key, value = (x.to(torch.get_autocast_dtype(query.device.type)) for x in (query, key, value))
    place_1T = torch.zeros(1, query.shape[2], dtype=torch.long)
    chain = Tails(0, query.shape[2], None, None, None)
    tree = Tree(place_1T, place_1T, place_1T, place_1T, place_1T, tails=(chain,), blocks=())
    return TreeAttention.apply(query, key, value, tree, 1.0).transpose(1, 2), None


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, lambda *args, **kwargs: None)
