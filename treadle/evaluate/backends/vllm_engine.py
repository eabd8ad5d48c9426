"""The vLLM back end: an engine in this process, for one machine's GPUs.

Tested with vLLM 0.31 on a CPU (`make vllm-test`), where its greedy texts are those of the transformers back end; not
run on a GPU by this project. Written against vLLM's `LLM`, `SamplingParams` and `RequestOutput` as of 0.22; the names
used are checked against the installed `SamplingParams` before the model is loaded.

Prompts are rendered by the model's own tokenizer, as in the other back ends, and sent in the order given, so that the
samples of one prompt stand side by side for the prefix cache. A seed goes with each request; vLLM repeats a seeded
sample only as far as its kernels round alike in batches of other sizes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.chat.thoughts import Decoder
from treadle.errors import ModelError
from treadle.evaluate.backends.chat import failed
from treadle.evaluate.records import Finish, Generation, Request, Sampling
from treadle.extras import install
from treadle.recipe.model_names import resolve
from treadle.recipe.models import listed_ends, load_chat
from treadle.recipe.shown import load_asking

# Requests handed over at a time: enough to keep an engine busy, few enough that a run is written down as it goes.
CHUNK = 512
USED = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty"),
    *("seed", "skip_special_tokens", "stop_token_ids"),
)


class VllmBackend:
    """Generates with vLLM's offline engine.

    Args:
        model: Folder or hub id.
        dtype: As vLLM names it, or `"auto"`.
        gpus: GPUs that share the model (tensor parallel).
        memory: Share of each GPU's memory that vLLM may take.
        max_model_len: Longest prompt with its completion; `None` for the model's own limit.
        chat_template_kwargs, system_role, date, thought_tags: See `treadle.chat.settings.ChatSettings`; by default as
            the model was trained.
        trust_remote_code: Whether Python code that comes with the model is executed.

    Raises:
        ModelError: vLLM is not installed, or its sampling settings have other names.
    """

    def __init__(
        self,
        model: str,
        dtype: str = "auto",
        gpus: int = 1,
        memory: float = 0.9,
        max_model_len: int | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        system_role: str | None = None,
        date: str | None = None,
        thought_tags: Sequence[str] | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        try:
            import vllm
        except ImportError as error:
            raise ModelError(
                f"the vLLM back end needs vLLM, which cannot be imported ({error}); {install('vllm')}"
            ) from error
        unknown = [name for name in USED if name not in inspect.signature(vllm.SamplingParams).parameters]
        if unknown:
            raise ModelError(f"vLLM {vllm.__version__}: SamplingParams has no {', '.join(unknown)}; {install('vllm')}")
        self._vllm, self.name = vllm, model
        self.chat = load_chat(model, None, chat_template_kwargs, system_role, date, thought_tags, trust_remote_code)
        self.tokenizer, self.thought_tags = self.chat.tokenizer, self.chat.thought_tags
        self.asking = load_asking(model, self.thought_tags.pair)
        self.ends = sorted({*self.chat.ends, *listed_ends(model)})
        self._llm = vllm.LLM(
            model=resolve(model),
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            tensor_parallel_size=gpus,
            gpu_memory_utilization=memory,
            max_model_len=max_model_len,
            enable_prefix_caching=True,
            # The model's own sampling defaults stay out.
            generation_config="vllm",
        )

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Generation]]:
        """Generate in chunks; each chunk is yielded when all of it is done. An aborted request is `Finish.FAILED`."""
        for start in range(0, len(requests), CHUNK):
            chunk = requests[start : start + CHUNK]
            prompts = [{"prompt_token_ids": ids} for ids in self.chat.prompts([r.prompt for r in chunk])]
            outputs = self._llm.generate(prompts, [self._params(r, sampling) for r in chunk], use_tqdm=False)
            for i, output in enumerate(outputs, start):
                yield i, _generation(output.outputs[0], self.chat.decode)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the model's tokens."""
        return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []

    def describe(self) -> dict[str, Any]:
        """What the texts depend on, besides requests and sampling."""
        return {
            "kind": "vllm",
            "model": self.name,
            "dtype": str(self._llm.llm_engine.model_config.dtype).removeprefix("torch."),
            "token_counts": "tokenizer",
            **({"chat": chat} if (chat := self.chat.describe()) else {}),
            "versions": {"vllm": self._vllm.__version__},
        }

    def close(self) -> None:
        """Let go of the engine; its memory is freed with the process at the latest."""
        self._llm = None

    def _params(self, request: Request, sampling: Sampling) -> Any:
        return self._vllm.SamplingParams(
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or -1,
            min_p=0.0,
            repetition_penalty=1.0,
            seed=request.seed % 2**63,
            skip_special_tokens=True,
            # Without the model's generation config vLLM ends at the tokenizer's end of sequence alone.
            stop_token_ids=self.ends,
        )


def _generation(output: Any, decode: Decoder) -> Generation:
    """One completion of vLLM: `text`, without thought tags that are special tokens; `token_ids`; `finish_reason`."""
    if output.finish_reason not in ("stop", "length"):
        return failed(f"vLLM ended the request for {output.finish_reason!r}")
    text = output.text if decode.kept.isdisjoint(output.token_ids) else decode(output.token_ids)
    return Generation(text, len(output.token_ids), Finish(output.finish_reason))
