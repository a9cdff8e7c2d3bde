"""Gradients of divergences between autoregressive policies, in closed form over the prefixes.

Shapes: ``S`` prefixes, ``V`` vocabulary. With P(s) the probability of reaching a prefix, f a
function of prefix and token, and F(s) the mean of f from s to the end,

    d/dz[s, v] E[sum f] = P(s) pi(v|s) (f(s, v) + F(s v) - F(s))     + the path-wise part.
"""

import torch
from torch import Tensor

from fade_core.torch.kl_exact import World


def named_gradients(world: World) -> dict[str, Tensor]:
    """Return every gradient that ``fade_core.kl_table.TARGETS`` names.

    Source: the policy-gradient theorem on the tree of prefixes.

    Args:
        world: The policies.

    Returns:
        ``[S, V]`` by the logits of the policy, by name.
    """
    tree = _Tree(world)
    pi, ref, mu = world.policy_SV, world.reference_SV, world.rollout_SV
    here, there = tree.reach(pi), tree.reach(mu)
    d = (pi - ref) * tree.alive[:, None]
    k2 = 0.5 * d * d
    return {
        "RKL_seq": tree.score(here, pi, d + tree.future(pi, d)),
        "RKL_tok": tree.score(here, pi, d),
        "RKL_tok@rollout": tree.score(there, pi, d),
        "FKL_seq": tree.toward(tree.reach(ref), pi, ref),
        "FKL_tok": tree.toward(here, pi, ref),
        "FKL_tok@rollout": tree.toward(there, pi, ref),
        "TV_tok": 0.5 * tree.score(here, pi, torch.sign(pi.exp() - ref.exp())),
        "E[k2]_seq": tree.score(here, pi, k2 + tree.future(pi, k2) + d),
        "E[k2]_tok": tree.score(here, pi, k2 + d),
        "E[k2]_tok@rollout": tree.score(there, pi, k2 + d),
        "KL(rollout||pi)": tree.toward(there, pi, mu),
        "KL(pi||rollout)": tree.score(here, pi, tree.gap(pi, mu)),
    }


class _Tree:
    """The prefixes of a world, breadth first, so children come after parents."""

    def __init__(self, world: World) -> None:
        self.vocabulary = world.vocabulary
        self.states = world.states
        self.inner = (world.states - 1) // world.vocabulary
        alive = torch.zeros(world.states, dtype=torch.float64)
        alive[world.states_NT.reshape(-1)] = world.mask_NT.reshape(-1)
        self.alive = alive

    def child(self, state: int) -> slice:
        """Return where the prefixes one token longer than this one are."""
        return slice(state * self.vocabulary + 1, (state + 1) * self.vocabulary + 1)

    def reach(self, policy_SV: Tensor) -> Tensor:
        """Return the probability ``[S]`` of reaching each prefix."""
        reach = torch.ones(self.states, dtype=torch.float64)
        for state in range(self.inner):
            reach[self.child(state)] = reach[state] * policy_SV[state].exp()
        return reach

    def future(self, policy_SV: Tensor, f_SV: Tensor) -> Tensor:
        """Return the mean ``[S, V]`` of f from the next prefix to the end."""
        future = torch.zeros_like(f_SV)
        for state in reversed(range(self.inner)):
            child = self.child(state)
            future[state] = (policy_SV[child].exp() * (f_SV[child] + future[child])).sum(dim=-1)
        return future

    def score(self, reach_S: Tensor, policy_SV: Tensor, f_SV: Tensor) -> Tensor:
        """Return P(s) pi(v|s) (f(s, v) - mean of f at s), 0 where the sequence has ended."""
        probability = policy_SV.exp()
        centred = f_SV - (probability * f_SV).sum(dim=-1, keepdim=True)
        return (reach_S * self.alive)[:, None] * probability * centred

    def gap(self, policy_SV: Tensor, other_SV: Tensor) -> Tensor:
        """Return the log-ratio of two policies with its mean from there to the end."""
        gap = (policy_SV - other_SV) * self.alive[:, None]
        return gap + self.future(policy_SV, gap)

    def toward(self, reach_S: Tensor, policy_SV: Tensor, other_SV: Tensor) -> Tensor:
        """Return P(s) (pi(v|s) - other(v|s)): the gradient of KL(other || pi) of the token."""
        return (reach_S * self.alive)[:, None] * (policy_SV.exp() - other_SV.exp())
