"""Every configuration of a KL penalty that trainers offer, with what is proved of it.

Source: Shah et al., arXiv:2512.21852; Tang & Munos, arXiv:2506.09477; Liu et al.,
arXiv:2510.01555; Zhang et al., arXiv:2505.17508; enumeration in ``fade_core.torch.kl_exact``.
"""

from fade_core.kl_table import Configuration, Mix, Part, Penalty, combined

RKL_SEQ: Mix = (Part("RKL_seq"),)
RKL_TOK: Mix = (Part("RKL_tok"),)
RKL_TOK_ROLLOUT: Mix = (Part("RKL_tok@rollout"),)
FKL_SEQ: Mix = (Part("FKL_seq"),)
FKL_TOK: Mix = (Part("FKL_tok"),)
FKL_TOK_ROLLOUT: Mix = (Part("FKL_tok@rollout"),)
TWICE_TV: Mix = (Part("TV_tok", 2.0),)
K2_TOK: Mix = (Part("E[k2]_tok"),)
K2_TOK_ROLLOUT: Mix = (Part("E[k2]_tok@rollout"),)
K2_SEQ_LESS_RKL: Mix = (Part("E[k2]_seq"), Part("RKL_tok", -1.0))
RKL_LESS_FKL: Mix = (Part("RKL_seq"), Part("FKL_tok", -1.0))
RKL_TOK_LESS_FKL: Mix = (Part("RKL_tok"), Part("FKL_tok", -1.0))
RKL_LESS_DRIFT: Mix = (Part("RKL_seq"), Part("KL(pi||rollout)", -1.0))
AWAY: Mix = (Part("KL(rollout||pi)", -1.0),)
GEOMETRIC: Mix = (Part("FKL_tok", 1.0, -1.0), Part("RKL_seq", 0.0, 1.0))


def _one(
    label: str, penalty: Penalty, on_policy: Mix | None, off_policy: Mix | None, reason: str
) -> Configuration:
    return Configuration(label, ((1.0, penalty),), on_policy, off_policy, reason)


_IN_REWARD: dict[str, Configuration] = {
    "k1-in-reward": _one(
        "K1 in reward, sum on every token", Penalty("k1", "reward"), RKL_SEQ, None,
        "score function with the right coefficient",
    ),
    "k1-in-reward-togo": _one(
        "K1 in reward, return to go", Penalty("k1", "reward", "togo"), RKL_SEQ, None,
        "the same with less noise",
    ),
    "k1-in-reward-now": _one(
        "K1 in reward, immediate only", Penalty("k1", "reward", "now"), RKL_TOK, None,
        "drops the effect on later tokens",
    ),
    "k2-in-reward": _one(
        "K2 in reward", Penalty("k2", "reward"), K2_SEQ_LESS_RKL, None,
        "only the score half of the gradient of E[k2]",
    ),
    "k3-in-reward": _one(
        "K3 in reward, sum on every token", Penalty("k3", "reward"), RKL_LESS_FKL, None,
        "subtracts the gradient of the forward KL",
    ),
    "k3-in-reward-togo": _one(
        "K3 in reward, return to go", Penalty("k3", "reward", "togo"), RKL_LESS_FKL, None,
        "subtracts the gradient of the forward KL",
    ),
    "k3-in-reward-now": _one(
        "K3 in reward, immediate only", Penalty("k3", "reward", "now"), RKL_TOK_LESS_FKL, None,
        "subtracts the gradient of the forward KL and drops the effect on later tokens",
    ),
    "abs-in-reward": _one(
        "|d| in reward", Penalty("abs", "reward"), None, None, "not the gradient of any KL",
    ),
}  # fmt: skip

_IN_LOSS: dict[str, Configuration] = {
    "k1-in-loss": _one(
        "K1 in loss", Penalty("k1", "loss"), (), AWAY,
        "zero mean, noise only; off-policy it pushes away from its own samples",
    ),
    "k2-in-loss": _one(
        "K2 in loss", Penalty("k2", "loss"), RKL_TOK, None,
        "right for the next token, drops the effect on later ones",
    ),
    "k2-in-loss-summed": _one(
        "K2 in loss, of the summed log-ratio", Penalty("k2", "loss", summed=True), RKL_SEQ, None,
        "the same gradient as K1 in reward",
    ),
    "k3-in-loss": _one(
        "K3 in loss", Penalty("k3", "loss"), FKL_TOK, None,
        "optimises the forward KL of the next token",
    ),
    "k3-in-loss-summed": _one(
        "K3 in loss, of the sequence ratio", Penalty("k3", "loss", summed=True), FKL_SEQ, None,
        "optimises the forward KL",
    ),
    "abs-in-loss": _one(
        "|d| in loss", Penalty("abs", "loss"), TWICE_TV, None,
        "total variation, which does not fade near the reference",
    ),
    "full-in-loss": _one(
        "whole distribution in loss, reverse", Penalty("full", "loss"), RKL_TOK, RKL_TOK_ROLLOUT,
        "least noise; drops the effect on later tokens",
    ),
    "full-forward-in-loss": _one(
        "whole distribution in loss, forward", Penalty("full-forward", "loss"), FKL_TOK,
        FKL_TOK_ROLLOUT, "forward KL of the next token",
    ),
    "k1-plus": _one(
        "k1+ (K1 shown, gradient of K2)", Penalty("k2", "loss", shown="k1"), RKL_TOK, None,
        "the gradient of K2 in loss",
    ),
    "k3-plus": _one(
        "k3+ (K3 shown, gradient of K2)", Penalty("k2", "loss", shown="k3"), RKL_TOK, None,
        "the gradient of K2 in loss",
    ),
}  # fmt: skip

_WEIGHTED: dict[str, Configuration] = {
    "self-k1": _one(
        "pi/sg(pi) K1 in loss", Penalty("k1", "loss", weight="self"), RKL_TOK, None,
        "right for the next token, noisy",
    ),
    "self-k2": _one(
        "pi/sg(pi) K2 in loss", Penalty("k2", "loss", weight="self"), K2_TOK, None,
        "a second-order stand-in, not the reverse KL",
    ),
    "self-k3": _one(
        "pi/sg(pi) K3 in loss", Penalty("k3", "loss", weight="self"), RKL_TOK, None,
        "the ratio's own gradient repairs K3 on-policy",
    ),
    "rho-k1": _one(
        "rho K1 in loss", Penalty("k1", "loss", weight="token"), RKL_TOK, RKL_TOK_ROLLOUT,
        "right for the next token over the rollout policy's prefixes, noisy",
    ),
    "rho-k2": _one(
        "rho K2 in loss", Penalty("k2", "loss", weight="token"), K2_TOK, K2_TOK_ROLLOUT,
        "a second-order stand-in, not the reverse KL",
    ),
    "rho-k3": _one(
        "rho K3 in loss", Penalty("k3", "loss", weight="token"), RKL_TOK, RKL_TOK_ROLLOUT,
        "the differentiable ratio turns K3 into the reverse KL of the next token",
    ),
    "sg-rho-k2": _one(
        "sg(rho) K2 in loss", Penalty("k2", "loss", weight="token", detached=True), RKL_TOK,
        RKL_TOK_ROLLOUT, "the same gradient as rho K3, sample by sample",
    ),
    "sg-rho-k3": _one(
        "sg(rho) K3 in loss", Penalty("k3", "loss", weight="token", detached=True), FKL_TOK, None,
        "the stop-gradient undoes the repair",
    ),
    "geometric-k3": _one(
        "geometric-mean ratio K3 in loss", Penalty("k3", "loss", weight="geometric"), GEOMETRIC,
        None, "mostly forward KL: only 1/T of the repair is left",
    ),
    "prefix-rho-k3": _one(
        "prefix ratios rho K3 in loss", Penalty("k3", "loss", weight="prefix"), RKL_TOK, RKL_TOK,
        "right for the next token, with the prefixes corrected",
    ),
    "sg-sequence-k2": _one(
        "sg(W) K2 in loss", Penalty("k2", "loss", weight="sequence", detached=True), RKL_TOK,
        RKL_TOK, "right for the next token, with the prefixes corrected",
    ),
    "sequence-k1": _one(
        "W sum K1 in loss", Penalty("k1", "loss", weight="sequence"), RKL_SEQ, RKL_SEQ,
        "whole-sequence importance sampling; noisy",
    ),
    "sequence-k3": _one(
        "W sum K3 in loss", Penalty("k3", "loss", weight="sequence"), RKL_SEQ, RKL_SEQ,
        "whole-sequence importance sampling; less noise than K1",
    ),
}  # fmt: skip


def _reused(
    label: str,
    penalty: Penalty,
    on_policy: Mix,
    off_policy: Mix | None = None,
    reason: str = "leaves the rollout policy's prefixes in place",
) -> Configuration:
    return _one(label, penalty, on_policy, off_policy, reason)


_STALE = "the penalty is of the rollout's policy; what is missing grows with the drift"
_REUSED: dict[str, Configuration] = {
    "k1-in-reward-stale": _reused(
        "K1 in reward, rollout log-probs, no correction",
        Penalty("k1", "reward", stale=True), RKL_SEQ, reason=_STALE,
    ),
    "k1-in-reward-stale-token": _reused(
        "K1 in reward, rollout log-probs, token ratio",
        Penalty("k1", "reward", weight="token", stale=True), RKL_SEQ, reason=_STALE,
    ),
    "k1-in-reward-stale-token-togo": _reused(
        "K1 in reward to go, rollout log-probs, token ratio",
        Penalty("k1", "reward", "togo", "token", stale=True), RKL_SEQ, reason=_STALE,
    ),
    "k1-in-reward-stale-sequence": _reused(
        "K1 in reward, rollout log-probs, sequence ratio",
        Penalty("k1", "reward", weight="sequence", stale=True), RKL_SEQ, RKL_LESS_DRIFT, _STALE,
    ),
    "k1-in-reward-token": _reused(
        "K1 in reward, current log-probs, token ratio",
        Penalty("k1", "reward", weight="token"), RKL_SEQ,
    ),
    "k1-in-reward-token-togo": _reused(
        "K1 in reward to go, current log-probs, token ratio",
        Penalty("k1", "reward", "togo", "token"), RKL_SEQ,
    ),
    "k1-in-reward-token-now": _reused(
        "K1 in reward, immediate, current log-probs, token ratio",
        Penalty("k1", "reward", "now", "token"), RKL_TOK, RKL_TOK_ROLLOUT,
    ),
    "k1-in-reward-sequence": _reused(
        "K1 in reward, current log-probs, sequence ratio",
        Penalty("k1", "reward", weight="sequence"), RKL_SEQ, RKL_SEQ,
        "whole-sequence importance sampling",
    ),
    "k3-in-reward-stale-token": _reused(
        "K3 in reward, rollout log-probs, token ratio",
        Penalty("k3", "reward", weight="token", stale=True), RKL_LESS_FKL,
        reason="subtracts the gradient of the forward KL",
    ),
    "k3-in-reward-sequence": _reused(
        "K3 in reward, current log-probs, sequence ratio",
        Penalty("k3", "reward", weight="sequence"), RKL_LESS_FKL, RKL_LESS_FKL,
        "subtracts the gradient of the forward KL",
    ),
}  # fmt: skip


def _together(label: str, name: str, scale: float, reason: str) -> Configuration:
    reward, loss = _IN_REWARD[f"{name}-in-reward"], _IN_LOSS[f"{name}-in-loss"]
    terms = tuple((scale, item.terms[0][1]) for item in (reward, loss))
    on_policy = combined([(scale, reward.on_policy), (scale, loss.on_policy)])
    return Configuration(label, terms, on_policy, None, reason)


CONFIGURATIONS: dict[str, Configuration] = {
    **_IN_REWARD,
    **_IN_LOSS,
    **_WEIGHTED,
    "k1-in-both": _together("K1 in reward and loss", "k1", 1.0, "unbiased, with more noise"),
    "k3-in-both": _together(
        "K3 in reward and loss", "k3", 1.0, "the forward KL cancels; quieter than K1 in reward"
    ),
    "k3-in-both-halved": _together(
        "K3 in reward and loss, half of beta in each", "k3", 0.5, "right direction, half strength"
    ),
    **_REUSED,
}
"""Every configuration by its id."""

BY_PENALTY: dict[Penalty, str] = {
    item.terms[0][1]: name for name, item in CONFIGURATIONS.items() if len(item.terms) == 1
}
"""The id of each single penalty, so that an audit finds what is proved of it."""
