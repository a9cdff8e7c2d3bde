"""The snippets of ``docs/trainers``: run where they can be, checked for what they name."""

import ast
import importlib
import importlib.util
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import fade_client
from tests.helpers import ROOT

PAGES = ROOT / "docs" / "trainers"


def snippets(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("snippet", snippets("plain.md", "python"))
def test_the_plain_loops_of_the_page_run(
    snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path))
    exec(compile(snippet, "plain.md", "exec"), {})
    (spool,) = tmp_path.rglob("*.spool")
    steps = fade_client.read_run(spool)[1]
    assert steps
    assert all("alpha" in step and "accuracy" in step for step in steps)


@pytest.mark.parametrize("page", ["trl.md", "skyrl.md", "openrlhf.md", "swift.md"])
def test_the_snippets_call_what_exists_with_what_it_takes(page: str) -> None:
    for snippet in snippets(page, "python"):
        tree = ast.parse(snippet)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("fade_client."):
                _bind(node)


def _bind(call: ast.Call) -> None:
    found: Any = fade_client
    for name in ast.unparse(call.func).split(".")[1:]:
        found = getattr(found, name)
    keywords = {keyword.arg: None for keyword in call.keywords if keyword.arg}
    inspect.signature(found).bind(*call.args, **keywords)


def test_the_functions_that_are_named_on_a_command_line_exist() -> None:
    for command in snippets("slime.md", "bash"):
        for path in re.findall(r"fade_client[\w.]+", command):
            module, _, function = path.rpartition(".")
            assert callable(getattr(importlib.import_module(module), function))


def test_verls_options_are_arguments_of_init_and_the_entry_point_is_declared() -> None:
    (command,) = snippets("verl.md", "bash")
    options = re.findall(r"\+fadewatch\.(\w+)=", command)
    assert set(options) <= set(inspect.signature(fade_client.init).parameters)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    module = declared["verl.plugins"]["fadewatch"]
    assert importlib.util.find_spec(module) is not None
    assert module in (PAGES / "verl.md").read_text()
