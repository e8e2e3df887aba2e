"""From the text of a specification to its model."""

from __future__ import annotations

from dataclasses import fields

from spcs.spec.errors import SpecError
from spcs.spec.model import DOCUMENT, Service, Spec
from spcs.spec.place import read_document
from spcs.spec.rules import check_references


def parse(text: str) -> Service:
    """The service that a YAML or JSON text specifies. Raises SpecError for the first thing Snowflake would refuse."""
    root = read_document(text)
    try:
        document = DOCUMENT.read(root)
    except RecursionError as error:
        raise SpecError("Invalid spec: the text refers to itself.") from error
    under_spec = {field.name: getattr(document.spec, field.name) for field in fields(Spec)}
    service = Service(**under_spec, service_roles=document.service_roles, capabilities=document.capabilities)
    check_references(service, root.lines)
    return service
