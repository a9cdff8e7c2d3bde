"""A trainer's configuration as people have it: YAML, JSON, TOML, a dump, or a command line."""

import ast
import json
import re
import shlex
import string
import tomllib
from pathlib import Path
from typing import Any

import yaml

from fade_core.errors import SettingError
from fade_core.kl_audit.config import COMMAND, normal

DUMP = re.compile(r"^\s*([A-Za-z_]\w*)\s*\(", re.ASCII)
KEY = re.compile(r"^[+~]{0,2}[A-Za-z_][\w.@/-]*$", re.ASCII)
ENDS = {")", "&&", "||", "|", ";", "&"}


def read_source(words: list[str]) -> dict[str, Any]:
    """Read the configuration that a command was given.

    Args:
        words: One path of a file, one quoted command line, or a command line in words.

    Returns:
        A mapping in the trainer's own names; the program under ``_command``.

    Raises:
        SettingError: It can be read as nothing.
    """
    if len(words) == 1 and Path(words[0]).is_file():
        path = Path(words[0])
        return parse_text(path.read_text(encoding="utf-8"), path.suffix.lower())
    return parse_text(words[0] if len(words) == 1 else shlex.join(words), "")


def parse_text(text: str, suffix: str) -> dict[str, Any]:
    """Parse a configuration; the suffix decides, and without one the text does.

    Args:
        text: The whole text.
        suffix: ``.yaml``, ``.yml``, ``.json``, ``.toml``, anything else or none.

    Returns:
        A mapping.

    Raises:
        SettingError: It is not what its suffix says, or nothing that is known.
    """
    try:
        if suffix in (".yaml", ".yml"):
            return _mapping(yaml.safe_load(text), "YAML")
        if suffix == ".json" or text.lstrip().startswith("{"):
            return _mapping(json.loads(text), "JSON")
        if suffix == ".toml":
            return tomllib.loads(text)
    except (yaml.YAMLError, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"the configuration cannot be read: {error}") from error
    return parse_dump(text) if DUMP.match(text) else parse_command(text)


def parse_dump(text: str) -> dict[str, Any]:
    """Parse the ``repr`` of a configuration object, nested ones too.

    Args:
        text: Such as ``GRPOConfig(beta=0.04, save_strategy=<SaveStrategy.NO: 'no'>)``.

    Returns:
        Its fields; the class under ``_command``.

    Raises:
        SettingError: It is no such text.

    >>> parse_dump("GRPOConfig(beta=0.04, kind=<Kind.A: 1>)")
    {'_command': 'GRPOConfig', 'beta': 0.04, 'kind': None}
    """
    try:
        tree = ast.parse(re.sub(r"<[^<>]*>", "None", text.strip()), mode="eval")
    except SyntaxError as error:
        raise SettingError(f"the dump of the configuration cannot be read: {error}") from error
    fields = _node(tree.body)
    if not isinstance(fields, dict):
        raise SettingError("the dump must be one object with its fields, such as GRPOConfig(...)")
    return fields


def parse_command(text: str) -> dict[str, Any]:
    """Parse a command line or a shell script: flags, Hydra overrides, simple variables.

    Args:
        text: With line continuations, comments, arrays of arguments and ``$NAME`` allowed.

    Returns:
        Values by key; words that are neither under ``_command``.

    Raises:
        SettingError: A quotation is not closed, or no key is in it.

    >>> parse_command("python -m verl.trainer.main_ppo algorithm.use_kl_in_reward=True")
    {'algorithm.use_kl_in_reward': 'True', '_command': 'python verl.trainer.main_ppo'}
    """
    try:
        words = shlex.split(text.replace("\\\n", " "), comments=True)
    except ValueError as error:
        raise SettingError(f"the command line cannot be read: {error}") from error
    variables = dict(_assignment(word) for word in words if _is_variable(word))
    words = [string.Template(word).safe_substitute(variables) for word in words]
    found: dict[str, Any] = {}
    program: list[str] = []
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else ""
        if word.startswith("--") and len(word) > 2:
            found.update([_flag(word, following)])
        elif _is_override(word):
            found.update([_assignment(word)])
        elif _is_program(words, i):
            program.append(word)
    if not found and len(program) < 2:
        raise SettingError(f"{text[:60]!r} is neither a file nor a command line with settings")
    return {**found, COMMAND: " ".join(program)}


def _flag(word: str, following: str) -> tuple[str, Any]:
    if "=" in word:
        return _assignment(word)
    name = normal(word)
    if _takes(following):
        return name, following
    return (name.removeprefix("no_"), False) if name.startswith("no_") else (name, True)


def _takes(following: str) -> bool:
    if not following or following in ENDS or following.startswith("--"):
        return False
    return not _is_override(following) and not _is_variable(following)


def _is_program(words: list[str], i: int) -> bool:
    word = words[i]
    if word.startswith("-") or word in ENDS or _is_variable(word):
        return False
    return not _is_value(words, i)


def _is_value(words: list[str], i: int) -> bool:
    before = words[i - 1] if i else ""
    return before.startswith("--") and "=" not in before and len(before) > 2 and _takes(words[i])


def _is_override(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and KEY.match(key) is not None and not key.isupper()


def _is_variable(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and KEY.match(key) is not None and key.isupper()


def _assignment(word: str) -> tuple[str, str]:
    key, _, assigned = word.partition("=")
    return (key if key.isupper() else normal(key)), assigned


def _mapping(loaded: Any, kind: str) -> dict[str, Any]:
    if not isinstance(loaded, dict):
        raise SettingError(f"the {kind} must be a mapping of settings, got {type(loaded).__name__}")
    return {str(key): _unwrapped(entry) for key, entry in loaded.items()}


def _unwrapped(entry: Any) -> Any:
    # Weights & Biases stores each setting as {"value": ..., "desc": ...}.
    if isinstance(entry, dict) and "value" in entry and set(entry) <= {"value", "desc"}:
        return entry["value"]
    return entry


def _node(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        fields = {part.arg: _node(part.value) for part in node.keywords if part.arg}
        return {COMMAND: node.func.id, **fields}
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)
