"""A registry client for tests: it does not really sleep, and keeps what it emits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pybuild.events import BlobMoved, BuildWarning, Event
from pybuild.http import Retries, Transport
from pybuild.registry.client import RegistryClient
from pybuild.request import RegistryOptions


@dataclass
class Client:
    """A client with what it emitted, how long it would have slept, and a clock to turn."""

    registry: RegistryClient
    transport: Transport
    events: list[Event]
    naps: list[float]
    now: list[float] = field(default_factory=lambda: [0.0])

    @property
    def warnings(self) -> list[BuildWarning]:
        return [event for event in self.events if isinstance(event, BuildWarning)]

    @property
    def moved(self) -> list[BlobMoved]:
        return [event for event in self.events if isinstance(event, BlobMoved)]


def new_client(*, transport: Transport | None = None, **options: Any) -> Client:
    """A client with these ``RegistryOptions``."""
    events: list[Event] = []
    naps: list[float] = []
    now = [0.0]
    transport = transport or Transport(retries=Retries(sleep=naps.append, random=lambda: 0.0))
    registry = RegistryClient(
        RegistryOptions(**options), transport, events.append, clock=lambda: now[0]
    )
    return Client(registry, transport, events, naps, now)
