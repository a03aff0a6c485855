"""For every test: none of our settings from outside, and no socket beyond this machine."""

import ipaddress
import os
import socket
from pathlib import Path

import pytest

pytest_plugins = ["tests.behaviours"]

_OURS = ("MEMBOT_", "DISCORD_", "SLACK_", "OPENAI_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no setting but those it makes."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to another machine fails loudly, wherever it is tried from."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: object) -> None:
        _refuse_others(self.family, address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: object) -> int:
        _refuse_others(self.family, address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)


def _refuse_others(family: int, address: object) -> None:
    if family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
        return
    host = str(address[0])
    if host == "localhost" or ipaddress.ip_address(host).is_loopback:
        return
    pytest.fail(f"a test tried to reach {host}", pytrace=True)


@pytest.fixture
def project() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent
