# ruff: noqa: RUF009 - key() declares a field
"""Endpoints: the ports on which a service may be reached, from its own replicas as well."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spcs.spec.containers import PORT
from spcs.spec.kinds import NAME, Flag, Kind, Many, OneOf, Text
from spcs.spec.place import Place
from spcs.spec.records import Record, key


class PortRange(Kind[tuple[int, int]]):
    """First and last port, written "8000-8100"."""

    def read(self, place: Place) -> tuple[int, int]:
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", place.scalar())
        first, last = (int(match[1]), int(match[2])) if match else (0, 0)
        if not PORT.at_least <= first <= last <= (PORT.at_most or last):
            place.invalid("It must be two ports from 1 to 65535, the lower first, as in 8000-8100.")
        return first, last

    def show(self, value: tuple[int, int]) -> str:
        return f"{value[0]}-{value[1]}"


ORIGIN = Text(r"https?://[^/*\s]+/?", "It must be a URL without a path and without '*', as in https://example.com.")


@dataclass(frozen=True)
class CorsSettings:
    allow_origin: tuple[str, ...] = key(Many(ORIGIN, at_least=1), name="Access-Control-Allow-Origin")
    allow_methods: tuple[str, ...] = key(Many(Text()), default=(), name="Access-Control-Allow-Methods")
    allow_headers: tuple[str, ...] = key(Many(Text()), default=(), name="Access-Control-Allow-Headers")
    expose_headers: tuple[str, ...] = key(Many(Text()), default=(), name="Access-Control-Expose-Headers")


@dataclass(frozen=True)
class Endpoint:
    """One port, or a range of ports that is reachable only through the IP of an instance."""

    name: str = key(NAME)
    port: int | None = key(PORT, default=None)
    port_range: tuple[int, int] | None = key(PortRange(), default=None)
    public: bool = key(Flag(), default=False)
    protocol: str = key(OneOf(("HTTP", "HTTPS", "TCP")), default="HTTP")
    cors_settings: CorsSettings | None = key(Record(CorsSettings), default=None)

    def checked(self, place: Place) -> Endpoint:
        if (self.port is None) == (self.port_range is None):
            place.fail(f"{place.name} must have exactly one of 'port' and 'portRange'")
        if self.port_range and self.protocol != "TCP":
            place.fail(f"{place.name} has a 'portRange': its 'protocol' must be TCP")
        if self.port_range and self.public:
            place.fail(f"{place.name} has a 'portRange': it must not be public")
        if self.public and self.protocol == "TCP":
            place.fail(f"{place.name} is public: its 'protocol' must be HTTP")
        return self
