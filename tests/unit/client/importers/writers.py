"""Small logs in the binary formats, written byte by byte."""

import json
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

NAN, INF = float("nan"), float("inf")


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def crc32c(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def tf_record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + masked(length) + content + masked(content)


def scalar_event(step: int, tag: str, value: float, *, time: float = 1.7e9) -> bytes:
    summary = message(1, tag.encode()) + b"\x15" + struct.pack("<f", value)
    return (
        b"\x09" + struct.pack("<d", time) + b"\x10" + varint(step) + message(5, message(1, summary))
    )


def tensor_event(step: int, tag: str, value: float) -> bytes:
    tensor = b"\x08\x01" + message(4, struct.pack("<f", value))
    summary = message(1, tag.encode()) + message(8, tensor)
    return b"\x10" + varint(step) + message(5, message(1, summary))


def event_file(path: Path, events: Iterable[bytes]) -> Path:
    first = b"\x09" + struct.pack("<d", 1.7e9) + message(3, b"brain.Event:2")
    path.write_bytes(b"".join(map(tf_record, [first, *events])))
    return path


def wandb_history(row: Mapping[str, Any]) -> bytes:
    items = (
        message(1, message(2, key.encode()) + message(16, json.dumps(value).encode()))
        for key, value in row.items()
    )
    return message(2, b"".join(items))


def wandb_config(config: Mapping[str, Any]) -> bytes:
    items = (
        message(1, message(1, key.encode()) + message(16, json.dumps(value).encode()))
        for key, value in config.items()
    )
    return message(17, message(4, b"".join(items)) + message(8, b"the run"))


def wandb_file(path: Path, records: Iterable[bytes]) -> Path:
    out = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        rest, begun = record, False
        while True:
            room = 32768 - len(out) % 32768
            if room < 7:
                out += bytes(room)
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = {(0, 0): 2, (0, 1): 1, (1, 0): 3, (1, 1): 4}[int(begun), int(not rest)]
            out += struct.pack("<IHB", 0, len(part), kind) + part
            begun = True
            if not rest:
                break
    path.write_bytes(bytes(out))
    return path


def trackio_file(path: Path, rows: Iterable[tuple[str, int, Mapping[str, Any]]]) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, "
            "step INTEGER, metrics BLOB)"
        )
        database.execute("CREATE TABLE configs (run_name TEXT, config BLOB)")
        for run, step, row in rows:
            database.execute(
                "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)",
                ("2026-01-01T00:00:00+00:00", run, step, json.dumps(row).encode()),
            )
        database.execute("INSERT INTO configs VALUES ('one', ?)", (b'{"beta": 0.04}',))
    return path


def mlflow_file(path: Path, rows: Iterable[tuple[str, float | None, int, int, int]]) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE runs (run_uuid TEXT, name TEXT)")
        database.execute("CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT)")
        database.execute(
            "CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, step INTEGER, "
            "is_nan INTEGER, run_uuid TEXT)"
        )
        database.execute("INSERT INTO runs VALUES ('r1', 'named')")
        database.execute("INSERT INTO params VALUES ('lr', '1e-6', 'r1')")
        database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 'r1')", rows)
    return path
