"""Picking the next token of every row, with transformers' own logits processors.

Transformers draws with `torch.multinomial`, which makes a random number for every row and vocabulary entry. Here one
number for each row goes through the cumulative distribution: the same distribution, and on a CPU some thirty times
faster (64 rows: 0.5 against 18 ms with 8,192 entries, 6 against 470 ms with 151,936).
The numbers belong to rows, so that a seed gives the same completions however rows are batched.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel

from treadle.errors import ModelError

# Entries of a block of the cumulative distribution.
BLOCK = 128
BELOW_ONE = 1 - 2.0**-53
# Logits whose distribution is computed at a time: pieces stay in a CPU's cache, and are not new memory each time.
HELD = {"cpu": 2**20}


def prepare_config(model: PreTrainedModel, config: GenerationConfig, width: int) -> GenerationConfig:
    """A copy of `config` completed as `generate` does it: the model's own defaults, special tokens, lengths.

    Args:
        model: The model without wrappers.
        config: With `max_new_tokens`.
        width: Length of the longest prompt; lengths of padded rows count from it, as in `generate`.
    """
    config, _ = model._prepare_generation_config(copy.deepcopy(config))
    model._prepare_special_tokens(config, True, device=model.device)
    config.max_length = width + config.max_new_tokens
    if config.min_new_tokens is not None:
        config.min_length = width + config.min_new_tokens
    return config


class Sampler:
    """Draws tokens for the rows of one batch.

    Args:
        model: The model without wrappers.
        config: From `prepare_config`.
        prompts: Token ids of every row.
        width: Left-padded length of the prompts.
        uniform_RT: Uniform numbers in [0, 1), float64, one for each row and new token; `None` for greedy decoding.

    Attributes:
        tokens_RL: Prompts, left-padded, and the tokens drawn so far; what processors read.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        config: GenerationConfig,
        prompts: list[list[int]],
        width: int,
        uniform_RT: torch.Tensor | None,
    ) -> None:
        self.model, self.config, self.width = model, config, width
        pad = 0 if config._pad_token_tensor is None else int(config._pad_token_tensor)
        self.tokens_RL = torch.full((len(prompts), config.max_length), pad, device=model.device)
        self.mask_RW = torch.zeros(len(prompts), width, dtype=torch.long, device=model.device)
        for row, prompt in enumerate(prompts):
            self.tokens_RL[row, width - len(prompt) : width] = torch.tensor(prompt)
            self.mask_RW[row, width - len(prompt) :] = 1
        self.uniform_RT = uniform_RT
        self.step = 0
        self._build_processors()

    def _build_processors(self) -> None:
        # Some processors hold state of rows (the padding of the repetition penalty), hence new ones for new rows.
        prompt_RW = self.tokens_RL[:, : self.width]
        self.processors: LogitsProcessorList = self.model._get_logits_processor(
            generation_config=self.config,
            input_ids_seq_length=self.width,
            encoder_input_ids=prompt_RW,
            device=self.model.device,
            model_kwargs={"attention_mask": self.mask_RW},
        )

    def select(self, keep: list[int]) -> None:
        """Keep some rows, given in order."""
        index = torch.tensor(keep, device=self.tokens_RL.device)
        self.tokens_RL, self.mask_RW = self.tokens_RL[index], self.mask_RW[index]
        if self.uniform_RT is not None:
            self.uniform_RT = self.uniform_RT[index]
        self._build_processors()

    def draw(self, logits_RV: torch.Tensor) -> torch.Tensor:
        """Next token of every row, `[R]` int64.

        Raises:
            ModelError: The model's distribution has no finite sum.
        """
        at = self.width + self.step
        scores_RV = self.processors(self.tokens_RL[:, :at], logits_RV.float())
        if self.uniform_RT is None:
            token_R = scores_RV.argmax(dim=-1)
        else:
            step = max(1, HELD.get(scores_RV.device.type, 2**26) // scores_RV.shape[1])
            token_R = torch.cat(
                [
                    inverse_cdf(scores_rV.softmax(dim=-1), uniform_r)
                    for scores_rV, uniform_r in zip(
                        scores_RV.split(step), self.uniform_RT[:, self.step].split(step), strict=True
                    )
                ]
            )
            if int(token_R.max()) >= scores_RV.shape[1]:
                raise ModelError(
                    f"New token {self.step + 1}: the model's probabilities are not numbers, expected finite logits "
                    "with at least one token left by the sampling settings. Look at the loss and gradient norm of "
                    "the steps before, and at top_p, top_k, min_p and generation_kwargs."
                )
        self.tokens_RL[:, at] = token_R
        self.step += 1
        return token_R


def inverse_cdf(probs_RV: torch.Tensor, uniform_R: torch.Tensor) -> torch.Tensor:
    """First entry of every row whose cumulative sum exceeds `uniform * total`; `V` or more for a row of "nan".

    First the block of entries, by the sums of blocks, then the entry in it; both sums run in float64. An entry of
    probability 0 is never drawn, and no other is off by more than the rounding of a float32 softmax.

    Args:
        probs_RV: Not negative; rows need not sum to exactly one.
        uniform_R: float64 in [0, 1).
    """
    n_rows, n_entries = probs_RV.shape
    n_blocks = -(-n_entries // BLOCK)
    if n_entries != n_blocks * BLOCK:
        probs_RV = F.pad(probs_RV, (0, n_blocks * BLOCK - n_entries))
    blocks_RNB = probs_RV.view(n_rows, n_blocks, BLOCK)
    sums_RN = blocks_RNB.sum(dim=-1).double()
    upto_RN = sums_RN.cumsum(dim=-1)
    target_R1 = uniform_R.unsqueeze(-1) * upto_RN[:, -1:]
    block_R1 = torch.searchsorted(upto_RN, target_R1, right=True)
    here_R1 = block_R1.clamp(max=n_blocks - 1)
    inside_RB = blocks_RNB.gather(1, here_R1.unsqueeze(-1).expand(-1, -1, BLOCK)).squeeze(1).double().cumsum(dim=-1)
    # How far into the block, as a share below 1: the float32 sum of the block may differ from the one taken here.
    into_R1 = 1 - (upto_RN.gather(1, here_R1) - target_R1) / sums_RN.gather(1, here_R1)
    target_R1 = into_R1.clamp(0, BELOW_ONE) * inside_RB[:, -1:]
    return (block_R1 * BLOCK + torch.searchsorted(inside_RB, target_R1, right=True)).squeeze(-1)
