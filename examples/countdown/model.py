"""A small decoder-only transformer that answers Countdown prompts.

Every prompt and every answer of the task has the same number of tokens, so there is no padding,
no end token and no attention mask besides the causal one.

Shapes: ``B`` sequences, ``T`` tokens, ``D`` hidden size, ``H`` heads, ``K`` hidden size of a head,
``V`` vocabulary; ``P`` prompts, ``G`` samples of each, ``Q`` tokens of a prompt, ``A`` tokens of an
answer.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from task import ANSWER_LENGTH, PROMPT_LENGTH, VOCABULARY_SIZE

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values ``[B, H, T, K]`` of the tokens seen so far, one pair a layer."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Size of the transformer; the default has about 0.4 M parameters."""

    hidden_size: int = 128
    num_layers: int = 2
    num_heads: int = 4


@dataclass(frozen=True, slots=True)
class Samples:
    """Answers drawn from a policy at temperature 1.

    Attributes:
        answers_PGA: ``[P, G, A]`` tokens.
        log_probs_PGA: ``[P, G, A]``, log-probability of each token when it was drawn, nats.
        logits_PGAV: ``[P, G, A, V]``, what each token was drawn from.
    """

    answers_PGA: Tensor
    log_probs_PGA: Tensor
    logits_PGAV: Tensor


class Block(nn.Module):
    """Causal self-attention and a perceptron, each behind a layer norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.num_heads = config.num_heads
        self.attention_norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size, bias=False)
        self.attention_out = nn.Linear(size, size, bias=False)
        self.mlp_norm = nn.LayerNorm(size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def forward(
        self, hidden_BTD: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the new hidden states, and keys and values of all tokens so far."""
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in self.query_key_value(self.attention_norm(hidden_BTD)).chunk(3, dim=-1)
        )
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        # With a cache there is one new token, and it may look at everything.
        mixed_BHTK = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        hidden_BTD = hidden_BTD + self.attention_out(mixed_BHTK.transpose(1, 2).flatten(2))
        return hidden_BTD + self.mlp(self.mlp_norm(hidden_BTD)), (key, value)


class Policy(nn.Module):
    """Pre-norm transformer with learned positions and an output head of its own.

    The head does not share its weight with the embedding: the spectrum of its update would
    otherwise mix in the embedding's gradient.
    """

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        size = self.config.hidden_size
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, size)
        self.position_embedding = nn.Embedding(PROMPT_LENGTH + ANSWER_LENGTH - 1, size)
        self.blocks = nn.ModuleList(Block(self.config) for _ in range(self.config.num_layers))
        self.final_norm = nn.LayerNorm(size)
        self.head = nn.Linear(size, VOCABULARY_SIZE, bias=False)
        # torch's default of 1 drowns the first layers' signal; this learns the task sooner.
        nn.init.normal_(self.token_embedding.weight, std=0.5)
        nn.init.normal_(self.position_embedding.weight, std=0.5)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return the logits ``[B, T, V]`` of the token after each position."""
        logits_BTV: Tensor = self.head(self._hidden(tokens_BT)[0])
        return logits_BTV

    def answer_logits(self, prompts_BQ: Tensor, answers_BA: Tensor) -> Tensor:
        """Return the logits ``[B, A, V]`` from which each token of the answer is drawn."""
        tokens_BT = torch.cat([prompts_BQ, answers_BA[:, :-1]], dim=1)
        hidden_BTD, _ = self._hidden(tokens_BT)
        logits_BAV: Tensor = self.head(hidden_BTD[:, PROMPT_LENGTH - 1 :])
        return logits_BAV

    @torch.no_grad()
    def sample(self, prompts_PQ: Tensor, num_samples: int, generator: Generator) -> Samples:
        """Draw answers at temperature 1, with a key-value cache.

        Args:
            prompts_PQ: ``[P, Q]`` prompt tokens.
            num_samples: Answers to draw for each prompt.
            generator: The only source of randomness.

        Returns:
            The answers, with what they were drawn from.
        """
        hidden_BTD, cache = self._hidden(prompts_PQ)
        # The prompt is read once, and then shared by all its samples.
        repeated = [[part.repeat_interleave(num_samples, 0) for part in pair] for pair in cache]
        past: Cache = [(key, value) for key, value in repeated]
        logits_BV = self.head(hidden_BTD[:, -1]).repeat_interleave(num_samples, 0)
        logits, tokens = [logits_BV], [_draw(logits_BV, generator)]
        while len(tokens) < ANSWER_LENGTH:
            hidden_BTD, past = self._hidden(tokens[-1], past)
            logits.append(self.head(hidden_BTD[:, -1]))
            tokens.append(_draw(logits[-1], generator))
        answers_BA, logits_BAV = torch.cat(tokens, dim=1), torch.stack(logits, dim=1)
        log_probs_BA = chosen_log_probs(logits_BAV, answers_BA)
        groups = (len(prompts_PQ), num_samples)
        return Samples(
            answers_BA.view(*groups, -1),
            log_probs_BA.view(*groups, -1),
            logits_BAV.view(*groups, ANSWER_LENGTH, -1),
        )

    def _hidden(self, tokens_BT: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        start = past[0][0].shape[2] if past else 0
        positions_T = torch.arange(start, start + tokens_BT.shape[1])
        hidden_BTD = self.token_embedding(tokens_BT) + self.position_embedding(positions_T)
        nothing = [None] * len(self.blocks)
        cache: Cache = []
        for block, block_past in zip(self.blocks, past or nothing, strict=True):
            hidden_BTD, pair = block(hidden_BTD, block_past)
            cache.append(pair)
        return self.final_norm(hidden_BTD), cache


def chosen_log_probs(logits_BAV: Tensor, tokens_BA: Tensor) -> Tensor:
    """Return the log-probability ``[B, A]`` of each of these tokens, nats."""
    chosen_BA = logits_BAV.gather(-1, tokens_BA.unsqueeze(-1)).squeeze(-1)
    return chosen_BA - logits_BAV.logsumexp(dim=-1)


def _draw(logits_BV: Tensor, generator: Generator) -> Tensor:
    return torch.multinomial(logits_BV.softmax(dim=-1), 1, generator=generator)
