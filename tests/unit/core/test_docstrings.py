"""Every public name of fade_core says what it is; the mathematics say it in full."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fade_core

IN_FULL = (
    "fade_core.advantages",
    "fade_core.gradient_mass",
    "fade_core.weights",
    "fade_core.whatif",
    "fade_core.passk",
    "fade_core.diversity",
    "fade_core.scheduler",
    "fade_core.torch.advantages",
    "fade_core.torch.entropy",
    "fade_core.torch.spectrum",
    "fade_core.torch.statistics",
)
"""Modules whose functions have arguments, results, errors, shapes and units to tell."""


def public() -> Iterator[tuple[str, str, Any]]:
    for found in pkgutil.walk_packages(fade_core.__path__, "fade_core."):
        if "._" in found.name:
            continue  # runs on CUDA only, and is nobody's to import
        module = importlib.import_module(found.name)
        for name, member in sorted(vars(module).items()):
            own = getattr(member, "__module__", None) == found.name
            if own and not name.startswith("_") and callable(member):
                yield found.name, name, member


PUBLIC = list(public())
FULL = [pytest.param(member, id=f"{module}.{name}") for module, name, member in PUBLIC
        if module.startswith(IN_FULL) and inspect.isfunction(member)]  # fmt: skip
RECORDS = [pytest.param(member, id=f"{module}.{name}") for module, name, member in PUBLIC
           if module.startswith(IN_FULL) and dataclasses.is_dataclass(member)]  # fmt: skip


def test_every_public_function_and_class_has_a_docstring() -> None:
    assert len(PUBLIC) > 300
    assert [name for _, name, member in PUBLIC if not inspect.getdoc(member)] == []


@pytest.mark.parametrize("function", FULL)
def test_the_mathematics_tell_arguments_results_and_errors(function: Callable[..., Any]) -> None:
    text, signature = inspect.getdoc(function) or "", inspect.signature(function)
    if re.search(r"see ``fade_core\.\w+", text):
        return  # a twin on tensors; the rest is there
    sections = dict(re.findall(r"^(Args|Returns|Yields|Raises):\n((?:    .*\n?|\n)+)", text, re.M))
    told = re.findall(r"^    \*{0,2}(\w+): \S", sections.get("Args", ""), re.M)
    assert told == list(signature.parameters)
    returns = signature.return_annotation is not None
    assert ("Returns" in sections or "Yields" in sections) == returns
    if re.search(r"^    +raise \w", inspect.getsource(function), re.M):
        assert "Raises" in sections


@pytest.mark.parametrize("record", RECORDS)
def test_the_records_of_the_mathematics_tell_every_field(record: type) -> None:
    text = inspect.getdoc(record) or ""
    told = re.findall(r"^    (\w+): \S", text.partition("Attributes:")[2], re.M)
    below = re.findall(r"^    (\w+): [^\n]*\n    \"\"\"", inspect.getsource(record), re.M)
    assert set(told) | set(below) >= {field.name for field in dataclasses.fields(record)}


@pytest.mark.parametrize("function", [
    pytest.param(member, id=name) for module, name, member in PUBLIC
    if module.startswith("fade_core.advantages.")
    and not module.endswith(("grouping", "registry"))])  # fmt: skip
def test_every_advantage_tells_its_equation_source_shape_range_and_error(
    function: Callable[..., Any],
) -> None:
    text = inspect.getdoc(function) or ""
    assert re.search(r"^    A\[p, g\] = ", text, re.M)
    assert "\nSource: " in text
    assert "``[P, G]``" in text
    assert "ShapeError" in text
    assert "RewardError" in text
