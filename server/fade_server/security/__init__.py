"""Who is let in: the gate in front of everything, keys, sessions, limits and headers."""

from fade_server.security.bind import check_bind, is_loopback
from fade_server.security.door import VISITOR, Credentials, Door, KeyDoor
from fade_server.security.gate import KeyGate, guard
from fade_server.security.limits import Limits
from fade_server.security.paths import local_path

__all__ = [
    "VISITOR",
    "Credentials",
    "Door",
    "KeyDoor",
    "KeyGate",
    "Limits",
    "check_bind",
    "guard",
    "is_loopback",
    "local_path",
]
