"""A specification as DESCRIBE SERVICE shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from spcs.spec.containers import Container, ResourceSettings
from spcs.spec.families import Family
from spcs.spec.fit import effective
from spcs.spec.model import DOCUMENT, Document, Service
from spcs.spec.volumes import shown_source


def resolved(service: Service, digests: Mapping[str, str], family: Family | None) -> Service:
    """The service with resources filled in for that family, and each image with its digest.

    digests: "sha256:<64 hex>" by the image as the specification writes it; an image without one keeps what it has.
    family: None leaves resources as they are written.
    """
    return replace(service, containers=tuple(_resolved(container, digests, family) for container in service.containers))


def normalised(service: Service, digests: Mapping[str, str], family: Family | None) -> str:
    """YAML of the resolved service: `---` first, text in double quotes, keys that hold a default left out."""
    service = resolved(service, digests, family)
    shown = replace(service, volumes=tuple(shown_source(volume) for volume in service.volumes))
    document = Document(shown, service.service_roles, service.capabilities)
    return yaml.dump(
        DOCUMENT.show(document),
        Dumper=_Dumper,
        explicit_start=True,
        sort_keys=False,
        allow_unicode=True,
        width=2**31,
    )


def _resolved(container: Container, digests: Mapping[str, str], family: Family | None) -> Container:
    digest = digests.get(container.image)
    if digest:
        container = replace(container, sha256=f"@{digest}")
    if family is None:
        return container
    requests, limits = effective(container, family)
    return replace(container, resources=ResourceSettings(limits=limits, requests=requests))


class _Dumper(yaml.SafeDumper):
    """Double quotes around every text that is a value, none around keys; no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        for _, value in node.value:
            _quote(value)
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        for value in node.value:
            _quote(value)
        return node


def _quote(node: yaml.Node) -> None:
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
        node.style = '"'
