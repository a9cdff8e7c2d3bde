"""What the keyring remembers, and that a revocation is not overtaken by what was read before."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from fade_server.main import upgrade_database
from fade_server.queries import keys as key_queries
from fade_server.queries.engine import Store
from fade_server.queries.keys import KeyRow
from fade_server.services.keyring import Keyring
from fade_server.services.keys import digest

KEY = "fw_5f1d_secret"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/fade.db"
    upgrade_database(url)
    opened = Store(url)
    columns = {
        "id": "5f1d",
        "name": "a key",
        "hash": digest("secret"),
        "scopes": ["read"],
        "created_at": 0.0,
        "created_by": "the test",
    }
    with opened.write() as session:
        key_queries.add_key(session, columns)
    yield opened
    opened.close()


def _revoke(store: Store, keyring: Keyring) -> None:
    with store.write() as session:
        key_queries.revoke_key(session, "5f1d", time.time())
    keyring.forget()


def test_a_key_is_looked_up_once_for_many_requests(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counting(session: Session, key_id: str) -> KeyRow | None:
        read.append(key_id)
        return found(session, key_id)

    found = key_queries.find_key
    monkeypatch.setattr(key_queries, "find_key", counting)
    keyring = Keyring(store, time.time)

    async def ask() -> None:
        for _ in range(100):
            assert await keyring.verify(KEY) is not None
            assert await keyring.verify("fw_none_x") is None
        await keyring.finish()

    asyncio.run(ask())
    assert sorted(read) == ["5f1d", "none"]


def test_a_revocation_is_not_undone_by_what_was_read_before_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(store, time.time)

    def overtaken(session: Session, key_id: str) -> KeyRow | None:
        row = found(session, key_id)
        session.rollback()
        _revoke(store, keyring)
        return row

    found = key_queries.find_key
    monkeypatch.setattr(key_queries, "find_key", overtaken)

    async def ask() -> list[bool]:
        first = await keyring.verify(KEY)
        monkeypatch.setattr(key_queries, "find_key", found)
        second = await keyring.verify(KEY)
        await keyring.finish()
        return [first is not None, second is not None]

    assert asyncio.run(ask()) == [True, False]
