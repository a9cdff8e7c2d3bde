"""GRPO with TRL, watched and steered: a tiny random model, nothing downloaded, seconds on a CPU.

    pip install "fadewatch[trl]"
    python examples/trl_tiny.py                            # mode local: no server needed
    python examples/trl_tiny.py --mode control             # with `fadewatch server` running
    torchrun --nproc-per-node 2 examples/trl_tiny.py       # a group split over two ranks

The policy sees "0=", "1=" ... and is rewarded for a first character out of a set whose size
makes the prompt easy or hard. The same script runs on TRL 0.19 to 1.16.
"""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

import fade_client
import fade_client.trl

SYMBOLS = "0123456789="
SPECIAL = {"<pad>": 0, "<eos>": 1, "<unk>": 2}
RIGHT = {"0": "0123456789", "1": "01234", "2": "01", "3": "7"}


def accuracy_reward(completions: list[str], kind: list[str], **_: Any) -> list[float]:
    """Return 1 for a completion that starts as its prompt wants, else 0."""
    firsts = [completion[:1] for completion in completions]
    pairs = zip(firsts, kind, strict=True)
    return [float(bool(first) and first in RIGHT[wanted]) for first, wanted in pairs]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of single characters."""
    vocabulary = SPECIAL | {symbol: len(SPECIAL) + i for i, symbol in enumerate(SYMBOLS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>",
        padding_side="left", model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def make_model(seed: int = 0) -> Qwen2ForCausalLM:
    """Return a random model of a few thousand parameters."""
    torch.manual_seed(seed)
    shape = Qwen2Config(
        vocab_size=len(SPECIAL) + len(SYMBOLS), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=None,
        tie_word_embeddings=True,
    )  # fmt: skip
    return Qwen2ForCausalLM(shape)


def make_trainer(output: Path, rewards: Any = accuracy_reward, **changes: Any) -> GRPOTrainer:
    """Return a trainer of the tiny model.

    Args:
        output: Its output directory.
        rewards: Reward function or functions.
        **changes: Arguments of ``GRPOConfig`` that are to differ.
    """
    arguments: dict[str, Any] = {
        "output_dir": str(output), "use_cpu": True, "bf16": False, "seed": 0,
        "per_device_train_batch_size": 16, "num_generations": 8, "max_completion_length": 4,
        "max_steps": 10, "logging_steps": 1, "learning_rate": 5e-3, "report_to": [],
        "save_strategy": "no", "disable_tqdm": True, "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
    }  # fmt: skip
    prompts = [{"prompt": f"{i % 10}=", "kind": kind} for i in range(16) for kind in RIGHT]
    return GRPOTrainer(
        model=make_model(),
        reward_funcs=rewards,
        args=GRPOConfig(**(arguments | changes)),
        train_dataset=Dataset.from_list(prompts),
        processing_class=make_tokenizer(),
    )


def main(arguments: list[str] | None = None) -> None:
    """Train for a few steps and say where the record of the run is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="local")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--output", type=Path, default=Path("trl-tiny"))
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)

    trainer = make_trainer(asked.output, max_steps=asked.steps)
    spools = asked.output / "spool"
    fade_client.trl.attach(trainer, project="tiny", mode=asked.mode, dir=spools)
    trainer.train()

    if trainer.is_world_process_zero():
        for path in sorted(spools.rglob("*.spool")):
            _, steps = fade_client.read_run(path)
            for step in steps:
                pair = f"alpha {step.get('alpha', 1.0):.4f} delta {step.get('delta', 1.0):.4f}"
                sys.stdout.write(f"step {step['step']} accuracy {step['accuracy']:.3f} {pair}\n")


if __name__ == "__main__":
    main()
