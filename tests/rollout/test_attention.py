"""`treadle.rollout.attention` against one softmax over all keys that a query may read."""

from __future__ import annotations

import pytest
import torch

from tests.rollout.models import tiny_model
from treadle.errors import ModelError
from treadle.rollout import attention
from treadle.rollout.attention import ROOM, Decode, Prefill, attention_of
from treadle.rollout.blocks import Padded
from treadle.rollout.plan import pack

PROMPTS = [[2, 3, 4, 5, 6, 7], [2, 3, 4, 9], [2, 8, 8, 8], [2, 8], [5, 5]]
# What many read alone, of one to five tokens; one is the beginning of another, and one begins like no other.
MANY = [*([2, 3, 4, *([10 + i] * (1 + i % 5))] for i in range(24)), [2, 3, 4, 33], [2, 3, 4, 33, 7, 7, 8], [5, 5, 5]]
HEADS, KV_HEADS, SIZE, SCALE = 6, 2, 8, 0.3


def naive(q_HD: torch.Tensor, k_KTD: torch.Tensor, v_KTE: torch.Tensor) -> torch.Tensor:
    """One query of every head against the keys of its group, `[H, E]`."""
    repeat = len(q_HD) // len(k_KTD)
    rows = [((k_KTD[h // repeat] @ q_HD[h]) * SCALE).softmax(0) @ v_KTE[h // repeat] for h in range(len(q_HD))]
    return torch.stack(rows)


# Values of another size than keys go the way of a device without the CPU's kernel.
@pytest.mark.parametrize("value_size", [SIZE, SIZE + 1], ids=["kernel", "products"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 2e-6)], ids=str)
@pytest.mark.parametrize(
    ("prompts", "call_cost"),
    [(PROMPTS, 0.0), (PROMPTS, 200.0), (PROMPTS, 1e12), (MANY, 4000.0)],
    ids=["0", "200", "1e12", "many"],
)
def test_prefill_and_decode(monkeypatch, dtype, tolerance, prompts, call_cost, value_size):
    monkeypatch.setitem(attention.CALL_COST, "cpu", call_cost)
    monkeypatch.setattr(attention, "PADDED", (dtype,))
    g = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=dtype)

    packed = pack(prompts)
    n = len(packed.tokens)
    prefill = Prefill(packed, torch.device("cpu"))
    q, k, v = normal(1, HEADS, n, SIZE), normal(1, KV_HEADS, n, SIZE), normal(1, KV_HEADS, n, value_size)
    out = prefill.attend(0, q, k, v, SCALE)
    paths = [[i for a, b in packed.paths[p] for i in range(a, b)] for p in range(len(prompts))]
    for path in paths:
        for length, i in enumerate(path, start=1):
            read = path[:length]
            assert (out[0, :, i] - naive(q[0, :, i], k[0][:, read], v[0][:, read])).abs().max() < tolerance

    rows = [prompt for prompt in packed.order for _ in range(3)]
    decode = Decode(prefill, rows)
    own_k, own_v = [], []
    # Past the end of the room made first, with rows leaving on both sides of it.
    for step in range(ROOM + 9):
        if step in (4, ROOM + 3):
            keep = [i for i in range(len(rows)) if i % 4 != 1 and i != 0]
            decode.select(keep)
            rows = [rows[i] for i in keep]
            own_k, own_v = [x[keep] for x in own_k], [x[keep] for x in own_v]
        q, k, v = (normal(len(rows), h, 1, d) for h, d in ((HEADS, SIZE), (KV_HEADS, SIZE), (KV_HEADS, value_size)))
        own_k.append(k)
        own_v.append(v)
        out = decode.attend(0, q, k, v, SCALE)
        decode.advance()
        assert any(isinstance(part, Padded) for part in decode._blocks) is (prompts is MANY)
        assert out.shape == (len(rows), HEADS, 1, value_size)
        if step % 16 and step not in (4, ROOM - 1, ROOM + 1, ROOM + 3):
            continue
        for row, prompt in enumerate(rows):
            keys = torch.cat([prefill.keys[0][0][:, paths[prompt]], *(x[row] for x in own_k)], dim=1)
            values = torch.cat([prefill.values[0][0][:, paths[prompt]], *(x[row] for x in own_v)], dim=1)
            assert (out[row, :, 0] - naive(q[row, :, 0], keys, values)).abs().max() < tolerance


def test_more_than_plain_attention_is_refused():
    model = tiny_model()
    with attention_of(model), pytest.raises(ModelError, match="no rollout state; plain causal attention was expected"):
        model(input_ids=torch.tensor([[3, 4]]), use_cache=False)
    assert model.config._attn_implementation == "sdpa"
    layer, x = model.model.layers[0].self_attn, torch.zeros(1, 4, 1, 8)
    prefill = Prefill(pack([[1]]), torch.device("cpu"))
    with pytest.raises(ModelError, match=r"Qwen2Attention called .* with softcap"):
        attention.rollout_attention(layer, x, x, x, None, rollout=prefill, softcap=30.0)
    with pytest.raises(ModelError, match="with a mask"):
        attention.rollout_attention(layer, x, x, x, torch.ones(1, 1, 1, 1), rollout=prefill)
