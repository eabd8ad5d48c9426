"""LoRA targets: what is not there or cannot be published is refused with what there is."""

from __future__ import annotations

import pytest

from tests.models import random_model
from treadle.errors import ModelError
from treadle.recipe.adapters import with_adapter
from treadle.recipe.models import skeleton
from treadle.recipe.parts import Lora

LAYERS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def adapted(targets, tied=False):
    config = random_model(tie_word_embeddings=tied, vocab_size=50).config
    return with_adapter(skeleton(config), Lora(r=2, target_modules=targets))


def trained(network):
    return {name.partition(".lora_")[0].rpartition(".")[2] for name, p in network.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("tied", [False, True])
def test_layers_are_adapted(tied):
    assert trained(adapted("all-linear", tied)) == LAYERS
    assert trained(adapted(["q_proj", "down_proj"], tied)) == {"q_proj", "down_proj"}
    assert trained(adapted(r".*\.0\.self_attn\.[qv]_proj", tied)) == {"q_proj", "v_proj"}
    assert trained(adapted(["layers.1.mlp.up_proj"], tied)) == {"up_proj"}


@pytest.mark.parametrize("targets", [["nothing"], ["q_proj", "nothing"], ["nothing", "lm_head"], ["proj"]])
def test_a_list_is_never_followed_in_part(targets):
    message = (
        f"the model has no module {targets[-1] if targets == ['proj'] else 'nothing'}; expected some of down_proj, "
    )
    with pytest.raises(ModelError, match=message) as failed:
        adapted(targets)
    assert "lm_head" not in str(failed.value).partition("expected")[2]


@pytest.mark.parametrize("pattern", ["nothing", "(", ".*nothing"])
def test_a_pattern_that_fits_nothing_names_what_there_is(pattern):
    with pytest.raises(ModelError, match="the model has down_proj, gate_proj, k_proj") as failed:
        adapted(pattern)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("targets", [["lm_head"], ["q_proj", "lm_head"], ".*lm_head"])
def test_a_head_would_not_be_trained(targets, tied):
    with pytest.raises(ModelError, match="so an adapter on it would not be trained; leave out lm_head"):
        adapted(targets, tied)


def test_an_embedding_that_is_the_head_could_not_be_published():
    with pytest.raises(ModelError, match=r"tie_word_embeddings.*cannot be merged into it; leave out embed_tokens"):
        adapted(["q_proj", "embed_tokens"], tied=True)
    assert trained(adapted(["q_proj", "embed_tokens"])) == {"q_proj", "embed_tokens"}
