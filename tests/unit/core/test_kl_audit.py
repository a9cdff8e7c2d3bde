"""The audit of KL configurations, from configuration files of each trainer."""

import pytest

from fade_core.errors import SettingError
from fade_core.kl_audit.advice import ADVICE
from fade_core.kl_audit.audit import Audit, audit_config
from fade_core.kl_audit.detect import READERS
from fade_core.kl_audit.examples import EXAMPLES, trainer_table
from fade_core.kl_audit.rules import RULES
from fade_core.kl_audit.setup import Confidence
from fade_core.kl_table import Verdict
from fadewatch.config_text import read_source
from tests.helpers import DATA

FILES = DATA / "kl_configs"

EXPECTED: list[tuple[str, str | None, str, str, set[str]]] = [
    ("trl_grpo.yaml", "1.9.2", "trl-grpo", "biased", set()),
    ("trl_grpo.yaml", "1.10.0", "trl-grpo", "token-correct", {"logged-after-ratio"}),
    ("trl_grpo.yaml", "1.16.0", "trl-grpo", "token-correct", {"logged-after-ratio"}),
    ("trl_grpo.yaml", None, "trl", "unknown", set()),
    ("trl_grpo.yaml", "1.9.5", "trl", "unknown", set()),
    (
        "trl_grpo_sequence.yaml",
        "1.16.0",
        "trl-grpo",
        "biased",
        {
            "geometric-ratio",
            "logged-after-ratio",
            "kl-without-sampler-correction",
            "own-length",
        },
    ),
    ("trl_grpo_dump.txt", "1.16.0", "trl-grpo", "no regularisation", {"no-reference-model"}),
    ("trl_rloo.json", "1.16.0", "trl-rloo", "unbiased", {"std-groups", "stale-penalty"}),
    ("trl_ppo_dump.txt", "1.16.0", "trl-ppo", "biased", {"estimator-in-reward", "stale-penalty"}),
    ("trl_ambiguous.yaml", "1.16.0", "trl", "unknown", set()),
    ("verl_grpo.sh", "0.9.1", "verl", "biased", {"clamp", "own-length"}),
    ("verl_reward.yaml", "0.9.1", "verl", "unbiased", {"clamp", "std-groups", "stale-penalty"}),
    ("verl_both.yaml", "0.9.1", "verl", "biased", {"clamp", "two-placements"}),
    ("verl_plus.yaml", "0.7.1", "verl", "does not run", {"plus-raises"}),
    ("verl_plus.yaml", "0.8.0", "verl", "token-correct", {"clamp"}),
    ("verl_plus.yaml", None, "verl", "unknown", set()),
    ("openrlhf.sh", "0.11.2", "openrlhf", "biased", {"clamp", "printed-advice"}),
    ("openrlhf_corrected.sh", "0.11.2", "openrlhf", "token-correct", {"clamp", "clipped-weight"}),
    ("openrlhf_old.sh", None, "openrlhf", "unbiased", {"clamp"}),
    ("ms_swift.sh", "4.6.0", "ms-swift", "biased", {"clamp", "own-length"}),
    ("ms_swift_reward.sh", "4.6.0", "ms-swift", "unbiased", {"clamp", "std-groups"}),
    (
        "ms_swift_megatron.sh",
        "4.6.0",
        "ms-swift",
        "unknown",
        {"clamp", "megatron-default", "own-length"},
    ),
    ("nemo_rl.yaml", "0.7.0", "nemo-rl", "token-correct", {"clamp"}),
    ("nemo_rl.yaml", "0.6.0", "nemo-rl", "biased", {"clamp"}),
    ("nemo_rl.yaml", None, "nemo-rl", "unknown", set()),
    ("nemo_rl_reward.yaml", "0.7.0", "nemo-rl", "no regularisation", {"grpo-never-subtracts"}),
    ("nemo_rl_reward_gae.yaml", "0.7.0", "nemo-rl", "biased", {"clamp", "estimator-in-reward"}),
    ("skyrl.yaml", None, "skyrl", "biased", {"clamp"}),
    ("skyrl_reward.yaml", None, "skyrl", "biased", {"clamp", "estimator-in-reward"}),
    ("skyrl_both.yaml", None, "skyrl", "does not run", set()),
    ("slime.sh", None, "slime", "no regularisation", {"k1-in-loss"}),
    ("slime_reward.sh", None, "slime", "no regularisation", {"reward-kl-ignored"}),
    ("slime_corrected.sh", None, "slime", "token-correct", {"clamp"}),
    ("areal.yaml", None, "areal", "unbiased", {"clamp", "stale-penalty"}),
    ("prime_rl.toml", None, "prime-rl", "not a reference KL", {"not-a-reference-kl"}),
    ("tinker.json", "0.6.1", "tinker", "token-correct", set()),
    ("wandb_config.yaml", "1.9.2", "trl-grpo", "biased", set()),
]


@pytest.mark.parametrize(("file", "version", "trainer", "verdict", "rules"), EXPECTED)
def test_a_configuration_file_gets_its_verdict_without_naming_the_trainer(
    file: str, version: str | None, trainer: str, verdict: str, rules: set[str]
) -> None:
    audit = audit_config(read_source([str(FILES / file)]), version=version)
    assert (audit.trainer, audit.verdict.value) == (trainer, verdict)
    assert {remark.id for remark in audit.remarks} == rules
    assert audit.reason
    assert audit.change


def test_every_trap_has_a_rule_and_every_rule_fires_on_some_file() -> None:
    assert {rule.trap for rule in RULES} >= set(range(1, 13))
    fired = {name for *_, rules in EXPECTED for name in rules}
    assert fired == {rule.id for rule in RULES}


def test_every_trainer_has_a_file_an_example_and_advice() -> None:
    trainers = set(READERS) - {"trl"}
    assert {example.trainer for example in EXAMPLES} == trainers
    assert {trainer for _, _, trainer, _, _ in EXPECTED} >= trainers
    assert set(ADVICE) == trainers


def verdict_of(trainer: str, version: str | None = None, **settings: object) -> Audit:
    return audit_config({k.replace("__", "."): v for k, v in settings.items()}, trainer, version)


@pytest.mark.parametrize(
    ("trainer", "version", "settings", "verdict"),
    [
        # The table of trainers: defaults and what switching a penalty on gives.
        ("trl-grpo", "1.16.0", {}, "no regularisation"),
        ("trl-grpo", "0.18.2", {}, "biased"),
        ("trl-grpo", None, {}, "unknown"),
        ("trl-grpo", "1.10.0", {"beta": 0.1, "use_bias_correction_kl": False}, "biased"),
        ("trl-grpo", None, {"beta": 0.1, "use_bias_correction_kl": True}, "token-correct"),
        ("trl-grpo", "1.16.0", {"beta": 0.1, "importance_sampling_level": "other"}, "unknown"),
        ("trl-grpo", "1.16.0", {"beta": -0.1}, "unknown"),
        ("trl-grpo", "1.16.0", {"beta": "auto"}, "unknown"),
        ("trl-rloo", "1.16.0", {"beta": 0}, "no regularisation"),
        ("trl-rloo", "1.16.0", {}, "unbiased"),
        ("trl-ppo", "1.16.0", {"kl_coef": 0}, "no regularisation"),
        ("trl-ppo", "1.16.0", {}, "unbiased"),
        ("trl-ppo", "1.16.0", {"kl_estimator": "k9"}, "unknown"),
        ("verl", "0.9.1", {"actor__use_kl_loss": True, "actor__kl_loss_type": "mse"},
         "token-correct"),
        ("verl", "0.9.1", {"actor__use_kl_loss": True, "actor__kl_loss_type": "k2+"},
         "token-correct"),
        ("verl", "0.9.1", {"actor__use_kl_loss": True, "actor__kl_loss_type": "full"},
         "does not run"),
        ("verl", "0.7.5", {"actor__use_kl_loss": True, "actor__kl_loss_type": "k1+"}, "unknown"),
        ("verl", "0.9.1", {"actor__use_kl_loss": True, "actor__kl_loss_type": "$TYPE"}, "unknown"),
        ("verl", "0.9.1", {"actor__use_kl_loss": True, "actor__kl_loss_coef": 0},
         "no regularisation"),
        ("verl", "0.9.1", {"algorithm__use_kl_in_reward": True, "algorithm__kl_penalty": "k2"},
         "biased"),
        ("verl", "0.9.1", {"algorithm__use_kl_in_reward": True, "algorithm__kl_penalty": "k3",
                           "actor__use_kl_loss": True}, "unbiased"),
        ("verl", "0.9.1", {"algorithm__use_kl_in_reward": "maybe"}, "unknown"),
        ("openrlhf", "0.11.2", {}, "unbiased"),
        ("openrlhf", "0.11.2", {"algo__kl__init_coef": 0}, "no regularisation"),
        ("ms-swift", "4.6.0", {"beta": 0}, "no regularisation"),
        ("ms-swift", "4.6.0", {"advantage_estimator": "reinforce_plus_plus"}, "unbiased"),
        ("ms-swift", "4.6.0", {"tensor_model_parallel_size": 2}, "biased"),
        ("ms-swift", "4.5.0", {"kl_in_reward": True}, "unbiased"),
        ("nemo-rl", "0.7.0", {"loss_fn__reference_policy_kl_penalty": 0}, "no regularisation"),
        ("nemo-rl", "0.7.0", {"use_on_policy_kl_approximation": True}, "token-correct"),
        ("nemo-rl", "0.6.0", {"use_on_policy_kl_approximation": True}, "biased"),
        ("nemo-rl", "0.6.0", {"use_on_policy_kl_approximation": True,
                              "reference_policy_kl_type": "k1"}, "unknown"),
        ("nemo-rl", "0.6.5", {}, "unknown"),
        ("nemo-rl", "0.8.0", {"kl_input_clamp_value": 0}, "unknown"),
        ("nemo-rl", "0.8.0", {}, "token-correct"),
        ("skyrl", None, {"algorithm__use_kl_loss": False}, "no regularisation"),
        ("skyrl", "0.3.0", {"algorithm__use_kl_loss": False, "algorithm__use_kl_in_reward": True,
                         "algorithm__kl_estimator_type": "k1",
                         "algorithm__advantage_estimator": "gae"}, "unbiased"),
        ("slime", None, {"kl_coef": 0.1, "advantage_estimator": "ppo"}, "unbiased"),
        ("slime", None, {"kl_coef": 0.1, "use_kl_loss": True, "kl_loss_coef": 0.1},
         "does not run"),
        ("slime", "0.2.0", {"use_kl_loss": True, "kl_loss_coef": 0.1, "kl_loss_type": "k2"},
         "token-correct"),
        ("areal", "0.3.0", {"kl_ctl": 0}, "no regularisation"),
        ("prime-rl", "0.1.0", {"kl_tau": 0}, "no regularisation"),
        ("tinker", "0.7.0", {}, "no regularisation"),
    ],
)  # fmt: skip
def test_a_setting_gets_its_verdict(
    trainer: str, version: str | None, settings: dict[str, object], verdict: str
) -> None:
    audit = verdict_of(trainer, version, **settings)
    assert audit.verdict.value == verdict
    if verdict == "unknown":
        assert audit.reason.startswith("unknown, because ")


def test_trl_1_9_2_is_told_from_1_10_0() -> None:
    old, new = (verdict_of("trl-grpo", version, beta=0.04) for version in ("1.9.2", "1.10.0"))
    assert (old.on_policy, new.on_policy) == ("FKL_tok", "RKL_tok")
    assert "use_bias_correction_kl=True" in old.change
    assert old.confidence == new.confidence == Confidence.CODE.value


def test_a_release_that_was_not_read_says_so() -> None:
    assert verdict_of("trl-grpo", "2.0.0", beta=0.04).confidence == Confidence.NEIGHBOUR.value


def test_an_unknown_answer_names_what_would_decide() -> None:
    assert "give the version" in verdict_of("trl-grpo", None, beta=0.04).reason


def test_equal_k3_in_both_places_is_unbiased_and_unequal_is_not() -> None:
    both = {"algorithm__use_kl_in_reward": True, "algorithm__kl_penalty": "k3",
            "actor__use_kl_loss": True}  # fmt: skip
    audit = verdict_of("verl", "0.9.1", **both, actor__kl_loss_coef=0.002)
    assert (audit.verdict, audit.on_policy) == (
        Verdict.BIASED,
        "0.5 RKL_seq + 0.5 FKL_tok",
    )


def test_a_threshold_spares_no_kl_by_choice_and_unknown() -> None:
    by_choice = verdict_of("trl-grpo", "1.16.0")
    in_vain = verdict_of("slime", use_kl_loss=True, kl_loss_coef=0.1)
    unknown = verdict_of("trl-grpo", None, beta=0.04)
    assert [x.fails(Verdict.BIASED) for x in (by_choice, in_vain, unknown)] == [False, True, False]
    assert unknown.fails(Verdict.UNKNOWN)
    assert verdict_of("trl-rloo", "1.16.0").fails(Verdict.UNBIASED)


def test_every_example_is_decided_except_the_open_trap() -> None:
    unknown = [e.label for e in EXAMPLES if e.audit().verdict is Verdict.UNKNOWN]
    assert unknown == ["ms-swift 4.6.0, Megatron, rloo"]
    assert trainer_table().count("\n") == len(EXAMPLES) + 1


def test_no_text_promises_that_a_run_will_fail() -> None:
    said = " ".join(
        f"{audit.reason} {audit.change} " + " ".join(r.reason for r in audit.remarks)
        for audit in (example.audit() for example in EXAMPLES)
    )
    assert "will fail" not in said
    assert "will collapse" not in said


def test_an_audit_is_plain_json() -> None:
    plain = verdict_of("verl", "0.9.1", actor__use_kl_loss=True).as_dict()
    assert plain["verdict"] == "biased"
    assert plain["remarks"][0]["id"] == "clamp"


def test_an_unknown_trainer_is_named() -> None:
    with pytest.raises(SettingError, match="known: trl"):
        audit_config({}, "mystery")
    assert "name the trainer" in audit_config({"learning_rate": 1}).reason
