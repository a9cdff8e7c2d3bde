"""Where alerts may not be sent: this machine and private networks, however they are written."""

import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from fade_server.services import chat, targets, webhook
from fade_server.services.targets import TargetError
from tests.integration.server.receiver import receive

PRIVATE = [
    "http://127.0.0.1/x",
    "http://localhost:8765/api/v1/runs",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[2002:7f00:1::]/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://224.0.0.1/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_that_is_not_of_the_internet_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match="not an address of the internet"):
        targets.resolve(url, allow_private=False)


def test_an_address_of_the_internet_is_taken() -> None:
    assert targets.resolve("https://93.184.216.34/x", allow_private=False) == "93.184.216.34"


def _names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let every look-up of a name have the next of these answers, as a hostile DNS would."""
    left = list(answers)

    def look_up(*arguments: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(TargetError, match=r"10\.0\.0\.1"):
        targets.resolve("http://mixed.example/", allow_private=False)


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected: list[str] = []
    real: Callable[..., Any] = socket.create_connection

    def connect(address: tuple[str, int], *arguments: Any, **options: Any) -> Any:
        connected.append(address[0])
        raise ConnectionRefusedError("nobody is there")

    _names(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "create_connection", connect)
    why = webhook.post("http://rebinds.example/", b"{}", "", allow_private=False)
    assert connected == ["93.184.216.34"]
    assert why == "ConnectError: nobody is there"
    assert real is not connect


def test_a_redirect_is_not_followed() -> None:
    with receive() as inside, receive([302], location=inside.url) as outside:
        why = webhook.post(outside.url, b"{}", "", allow_private=True)
        assert why == "answered 302"
        assert inside.bodies == []


def test_a_webhook_goes_nowhere_private() -> None:
    with receive() as receiver:
        why = webhook.post(receiver.url, b"{}", "", allow_private=False)
        assert "not an address of the internet" in str(why)
        assert receiver.bodies == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_apprise_goes_nowhere_private(name: str) -> None:
    with receive() as receiver:
        url = receiver.url.replace("http://", "json://").replace("127.0.0.1", name)
        why = chat.send(url, "title", "body", allow_private=False)
        assert "not an address of the internet" in str(why)
        assert receiver.bodies == []
        assert chat.send(url, "title", "body", allow_private=True) is None
        assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.create_connection(('localhost', 9))",
        "socket.socket().connect(('10.0.0.1', 9))",
        "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    ],
)
def test_no_library_in_the_process_of_apprise_gets_inside(attempt: str) -> None:
    code = (
        "import socket, sys\n"
        "from fade_server.services.chat_child import guard\n"
        "sys.addaudithook(guard([]))\n"
        f"{attempt}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "Refused" in done.stderr


def test_an_error_never_shows_credentials() -> None:
    why = chat.send("json://ada:s3cret-token@127.0.0.1:9/p4th-token", "t", "b", allow_private=False)
    assert why is not None
    assert "s3cret" not in why
    assert "p4th" not in why
