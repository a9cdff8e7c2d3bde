"""The command body of ``fadewatch audit kl``."""

import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fade_core.errors import SettingError
from fadewatch.commands.audit_kl import audit_kl
from fadewatch.config_text import parse_command, parse_dump, parse_text, read_source
from tests.helpers import DATA

FILES = DATA / "kl_configs"
VERL = "python3 -m verl.trainer.main_ppo actor_rollout_ref.actor.use_kl_loss=True"


def run(*words: str) -> Result:
    app = typer.Typer()
    app.command()(audit_kl)
    return CliRunner().invoke(app, list(words))


def test_a_file_is_judged_and_the_answer_names_the_change() -> None:
    result = run(str(FILES / "slime.sh"))
    assert result.exit_code == 0
    assert "no regularisation" in result.output
    assert "--use-unbiased-kl" in result.output


@pytest.mark.parametrize(
    ("threshold", "code"),
    [("biased", 1), ("token-correct", 1), ("no-regularisation", 0), ("Does not run", 0)],
)
def test_a_threshold_makes_an_exit_code_for_ci(threshold: str, code: int) -> None:
    assert run("--fail-on", threshold, "--version", "0.9.1", VERL).exit_code == code


def test_a_command_line_may_follow_in_words() -> None:
    result = run("--version", "0.9.1", "--format", "json", "--", *VERL.split())
    audit = json.loads(result.output)["audit"]
    assert (audit["trainer"], audit["verdict"]) == ("verl", "biased")


def test_the_installed_version_is_taken_where_none_is_given() -> None:
    # trl is not part of this project's environment everywhere, so both answers are right.
    result = run(str(FILES / "trl_grpo.yaml"), "--format", "json")
    audit = json.loads(result.output)["audit"]
    assert (audit["verdict"] == "unknown") == (audit["version"] is None)


def test_an_open_question_is_answered_with_unknown() -> None:
    result = run("--trainer", "nemo-rl", "--version", "0.6.5", str(FILES / "nemo_rl.yaml"))
    assert "unknown, because" in result.output


def test_the_proof_of_a_configuration_is_printed() -> None:
    result = run("--prove", "--version", "0.9.1", VERL)
    assert (
        "| on-policy, mid | 0.3354 | 0.9862 | 0.2463 | 2.45 | 0.9871 | FKL_tok |" in result.output
    )


def test_the_proof_without_a_configuration_goes_through_all() -> None:
    proofs = json.loads(run("--prove", "--format", "json").output)["proofs"]
    assert proofs["k1-in-loss"][0]["measured"]["cosine"] == "NaN"
    assert proofs["k1-in-reward"][1]["equals"] == "RKL_seq"
    assert proofs["geometric-k3"][1]["equals"] == "FKL_tok - FKL_tok/T + RKL_seq/T"


PENALTIES = """
def k3(logp, ref_logp, rollout_logp, mask):
    d = logp - ref_logp
    return ((-d).exp() - 1 + d) * mask


def summed_square(logp, ref_logp, rollout_logp, mask):
    return 0.5 * ((logp - ref_logp) * mask).sum(dim=-1) ** 2


def averaged(logp, ref_logp, rollout_logp, mask):
    return (logp - ref_logp).mean()


number = 3
"""


@pytest.fixture
def own_penalties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_penalties.py").write_text(PENALTIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_penalties", raising=False)


@pytest.mark.usefixtures("own_penalties")
@pytest.mark.parametrize(
    ("name", "placement", "equals"),
    [
        ("k3", "loss", "FKL_tok"),
        ("k3", "reward", "RKL_seq - FKL_tok"),
        ("summed_square", "loss", "RKL_seq"),
    ],
)
def test_a_penalty_of_ones_own_is_proved(name: str, placement: str, equals: str) -> None:
    words = ("--penalty", f"own_penalties:{name}", "--placement", placement, "--format", "json")
    proofs = json.loads(run(*words).output)["proofs"][f"own_penalties:{name}"]
    assert proofs[1]["equals"] == equals


@pytest.mark.usefixtures("own_penalties")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give a configuration file"),
        (("--fail-on", "bad", VERL), "--fail-on must be one of"),
        (("--trainer", "mystery", VERL), "no reader for trainer"),
        (("nothing.yaml",), "neither a file nor a command line"),
        (("--penalty", "own_penalties"), "MODULE:FUNCTION"),
        (("--penalty", "own_penalties:missing"), "cannot be loaded"),
        (("--penalty", "own_penalties:number"), "is no function"),
        (("--penalty", "own_penalties:averaged"), "do not average over the batch"),
        (("--penalty", "own_penalties:k3", "--placement", "air"), "placement must be"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.output


def test_without_torch_the_proof_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fade_core.torch.kl_report", None)
    result = run("--prove")
    assert result.exit_code == 2
    assert "pip install" in result.output


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("a: [", ".yaml"),
        ("- 1", ".yaml"),
        ("{", ".json"),
        ("[1]", ".json"),
        ("a = ", ".toml"),
        ("Config(a=", ""),
        ("Config", ""),
        ('python "train', ""),
        ("module.Config(1)", ".txt"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, suffix: str) -> None:
    with pytest.raises(SettingError):
        parse_text(text, suffix)


def test_a_dump_with_nested_objects_and_expressions_is_read() -> None:
    assert parse_dump("A(b=B(c=1), d=-2, e=f.g, h=['x'])") == {
        "_command": "A",
        "b": {"_command": "B", "c": 1},
        "d": -2,
        "e": "f.g",
        "h": ["x"],
    }
    with pytest.raises(SettingError, match="one object"):
        parse_dump("f.g(1)")


def test_a_command_line_keeps_flags_overrides_and_variables_apart() -> None:
    text = "KL=0.1\nrun.py --a.b-c 1e-3 --no-flag --on --x=$KL ++h.y=2 -- rest && next"
    assert parse_command(text) == {
        "a.b_c": "1e-3",
        "flag": False,
        "on": True,
        "x": "0.1",
        "h.y": "2",
        "_command": "run.py rest next",
    }


def test_a_file_of_any_ending_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "settings.cfg"
    path.write_text('{"kl_ctl": 0.1}')
    assert read_source([str(path)]) == {"kl_ctl": 0.1}
