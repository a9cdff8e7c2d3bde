"""Benchmarks of fade_core that print ratios: `python bench/core.py`.

Everything that is compared runs in this one process, interleaved, and the median counts; only a
ratio means anything on another machine. Needs torch; compares with TRL itself where it is
installed, and with a labelled copy of its formulas where it is not. Shapes: ``P`` prompts, ``G``
rollouts of each prompt, ``B`` rollouts, ``T`` tokens, ``V`` vocabulary.
"""

import argparse
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from fade_core.torch.advantages import METHODS
from fade_core.torch.entropy import chunked_entropy, entropy_and_log_prob

Work = Callable[[], object]

REQUIRED = {"alpha": 2.0, "delta": 0.5, "k": 4}
"""Values for parameters without a default."""

FADE_ALPHAS = (1.0, 1.5, 2.0, 2.3, 3.0)
"""Powers that torch computes by a copy, a root, a square and in general take different times."""

WITHIN_TWICE = {
    *("reinforce", "reinforce_signed", "psr", "nsr", "w_reinforce"),
    *("grpo", "rloo", "opo", "maxrl", "power", "asym_grpo", "fade"),
    *("passk_success", "pkpo", "pkpo_loo", "passk_training"),
}
"""Methods that need no more of a group than its mean or its count of successes, which are to stay
within twice the plain line; the others also need its maximum, an order, a standard deviation, two
numbers of the count, or statistics of the batch, for which see ``floors``."""


def floors(rewards_PG: Tensor) -> dict[str, Work]:
    """Return what the other methods cannot do without, each as torch offers it."""

    def standardised() -> Tensor:
        centred_PG = rewards_PG - rewards_PG.mean(1, keepdim=True)
        return centred_PG / (rewards_PG.std(1, keepdim=True) + 1e-6)

    def whitened() -> Tensor:
        return (rewards_PG - rewards_PG.mean()) / (rewards_PG.std() + 1e-6)

    return {
        "floor: sort of the groups": lambda: rewards_PG.sort(dim=1),
        "floor: maximum of the groups, exp": lambda: (
            rewards_PG - rewards_PG.amax(dim=1, keepdim=True)
        ).expm1(),
        "floor: plain GRPO with std": standardised,
        "floor: plain whitening": whitened,
        "floor: a copy of the rewards": rewards_PG.clone,
    }


def medians(works: dict[str, Work], rounds: int, calls: int = 1) -> dict[str, float]:
    """Return the median seconds a call, taking turns so that a slow spell hits everyone."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            for _ in range(calls):
                work()
            seconds[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(values) for name, values in seconds.items()}


def allocated_peak(work: Work) -> int:
    """Return the most bytes that torch held beyond what it held before, results included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    results = recorded.profiler.kineto_results
    events = [event for event in results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def resident_peak(work: Work) -> int | None:
    """Return by how much the resident set grew at most, temporaries of libraries included."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    reset.write_text("5")
    before = _status_kib("VmRSS")
    work()
    return (_status_kib("VmHWM") - before) * 1024


def _status_kib(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(field)


def bench_advantages() -> None:
    """(a) Every advantage function against the plainest GRPO line, 512 prompts x 16 rollouts."""
    rewards_PG = (torch.rand(512, 16) < 0.4).float()

    def plain() -> Tensor:
        return rewards_PG - rewards_PG.mean(1, keepdim=True)

    works: dict[str, Work] = {"plain": plain, **floors(rewards_PG)}
    for name, method in METHODS.items():
        needed = {
            parameter.name: REQUIRED[parameter.name]
            for parameter in list(inspect.signature(method).parameters.values())[1:]
            if parameter.default is parameter.empty
        }
        works[name] = functools.partial(method, rewards_PG, **needed)
    del works["fade"]
    for alpha in FADE_ALPHAS:
        works[f"fade alpha={alpha}"] = functools.partial(METHODS["fade"], rewards_PG, alpha, 0.5)
    seconds = medians(works, rounds=101, calls=10)
    print("(a) advantages, 512 x 16 float32; * is to be within 2x of plain")
    print(f"    plain (r - r.mean(1, keepdim=True))  {seconds['plain'] * 1e6:8.1f} us")
    for name, value in seconds.items():
        if name != "plain":
            mark = "*" if name.split()[0] in WITHIN_TWICE else " "
            print(f"  {mark} {name:36s} {value * 1e6:8.1f} us  {value / seconds['plain']:6.2f}x")


def trl_pair() -> tuple[str, Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]:
    """Return TRL's entropy and log-probability, or copies of their formulas, with a label."""
    if importlib.util.find_spec("trl") is not None:
        utils = importlib.import_module("trl.trainer.utils")
        label = f"TRL {importlib.metadata.version('trl')}"
        return label, utils.entropy_from_logits, utils.selective_log_softmax
    return "copy of TRL 1.16's formulas (TRL is not installed)", copied_entropy, copied_log_prob


def copied_entropy(logits_BTV: Tensor) -> Tensor:
    """TRL 1.16 ``entropy_from_logits`` off CUDA (Apache-2.0): 128 rows at a time."""
    parts = []
    for chunk_NV in torch.split(logits_BTV.reshape(-1, logits_BTV.shape[-1]), 128):
        log_prob_NV = torch.nn.functional.log_softmax(chunk_NV, dim=-1)
        parts.append(-(torch.exp(log_prob_NV) * log_prob_NV).sum(-1))
    return torch.cat(parts).reshape(logits_BTV.shape[:-1])


def copied_log_prob(logits_BTV: Tensor, token_BT: Tensor) -> Tensor:
    """TRL 1.16 ``selective_log_softmax`` off CUDA (Apache-2.0): one rollout at a time."""
    index_BT1 = token_BT.unsqueeze(-1)
    if logits_BTV.dtype in (torch.float32, torch.float64):
        own_BT = logits_BTV.gather(-1, index_BT1).squeeze(-1)
        return own_BT - torch.stack([row_TV.logsumexp(-1) for row_TV in logits_BTV])
    rows = zip(logits_BTV, index_BT1, strict=True)
    return torch.stack([row.log_softmax(-1).gather(-1, index) for row, index in rows]).squeeze(-1)


def bench_entropy(vocabulary: int, rows: tuple[int, int], dtype: torch.dtype, device: str) -> None:
    """(b) Entropy and log-probability in one pass against TRL's pair, on the same logits."""
    logits_BTV = torch.randn(*rows, vocabulary, device=device).mul_(3.0).to(dtype)
    token_BT = torch.randint(vocabulary, rows, device=device)
    label, entropy_of, log_prob_of = trl_pair()

    def ours() -> object:
        result = entropy_and_log_prob(logits_BTV, token_BT)
        _wait(device)
        return result

    def theirs() -> object:
        result = entropy_of(logits_BTV), log_prob_of(logits_BTV, token_BT)
        _wait(device)
        return result

    def our_entropy() -> object:
        result = chunked_entropy(logits_BTV)
        _wait(device)
        return result

    def their_entropy() -> object:
        result = entropy_of(logits_BTV)
        _wait(device)
        return result

    with torch.no_grad():
        works: dict[str, Work] = {
            "ours": ours,
            "theirs": theirs,
            "our entropy": our_entropy,
            "their entropy": their_entropy,
        }
        seconds = medians(works, rounds=7)
        name = str(dtype).removeprefix("torch.")
        print(f"(b) entropy + log-probability, {[*rows, vocabulary]} {name} {device}; {label}")
        print(
            f"    ours {seconds['ours'] * 1e3:.1f} ms, TRL's pair {seconds['theirs'] * 1e3:.1f} ms"
        )
        print(
            f"    time   ours / TRL's pair {seconds['ours'] / seconds['theirs']:.3f}, "
            f"entropy alone {seconds['our entropy'] / seconds['their entropy']:.3f} (target <= 1)"
        )
        if device == "cpu":
            print_memory("allocated", allocated_peak(ours), allocated_peak(their_entropy))
            print_memory("resident ", resident_peak(ours), resident_peak(their_entropy))
    print_error(logits_BTV, token_BT, ours(), theirs())


def print_memory(what: str, ours: int | None, theirs: int | None) -> None:
    """Print two peaks and their ratio; that of TRL is its entropy alone, its smaller part."""
    if ours is not None and theirs:
        print(
            f"    memory {what}: ours {ours / 2**20:.1f} MiB, TRL's entropy "
            f"{theirs / 2**20:.1f} MiB, ratio {ours / theirs:.3f} (target <= 0.25)"
        )


def print_error(logits_BTV: Tensor, token_BT: Tensor, ours: object, theirs: object) -> None:
    """Print the largest error of the entropy of the first rollout against float64."""
    log_prob_TV = logits_BTV[0].double().log_softmax(-1)
    wanted_T = -(log_prob_TV.exp() * log_prob_TV).sum(-1)
    own_T = log_prob_TV.gather(-1, token_BT[0].unsqueeze(-1)).squeeze(-1)
    assert isinstance(theirs, tuple)
    pairs = (
        ("ours", ours.entropy, ours.log_prob),  # type: ignore[attr-defined]
        ("TRL ", theirs[0], theirs[1]),
    )
    for name, entropy_BT, log_prob_BT in pairs:
        entropy_error = (entropy_BT[0].double() - wanted_T).abs().max().item()
        log_prob_error = (log_prob_BT[0].double() - own_T).abs().max().item()
        print(f"    error  {name}: entropy {entropy_error:.1e}, log-prob {log_prob_error:.1e} nats")


def bench_bandwidth() -> None:
    """(c) On CUDA: bytes of logits read a second over the bandwidth of a plain copy."""
    for dtype in (torch.bfloat16, torch.float32):
        logits_NV = torch.randn(4096, 151_936, device="cuda").to(dtype)
        token_N = torch.randint(151_936, (4096,), device="cuda")
        target_NV = torch.empty_like(logits_NV)

        def copy(source: Tensor = logits_NV, target: Tensor = target_NV) -> None:
            target.copy_(source)
            _wait("cuda")

        def read(source: Tensor = logits_NV, token: Tensor = token_N) -> None:
            entropy_and_log_prob(source, token)
            _wait("cuda")

        seconds = medians({"copy": copy, "read": read}, rounds=21)
        size = logits_NV.numel() * logits_NV.element_size()
        copied, achieved = 2 * size / seconds["copy"], size / seconds["read"]
        print(
            f"(c) {dtype}: {achieved / 1e9:.0f} GB/s of logits, copy moves {copied / 1e9:.0f} GB/s "
            f"(read + write), ratio {achieved / copied:.2f}"
        )


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Run all parts, or the named ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["a", "b", "c", []], default=[])
    wanted = set(parser.parse_args().parts or "abc")
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    if "a" in wanted:
        bench_advantages()
    if "b" in wanted:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        for dtype in (torch.float32, torch.bfloat16):
            bench_entropy(151_936, (4, 128), dtype, device)
            bench_entropy(32_000, (8, 256), dtype, device)
    if "c" in wanted:
        if torch.cuda.is_available():
            bench_bandwidth()
        else:
            print("(c) skipped: no CUDA device")


if __name__ == "__main__":
    main()
