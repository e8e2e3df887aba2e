"""From a plan to an image in a registry: what decides it, what builds it, what sends it."""

from spcs.image.build import build, login, push
from spcs.image.detect import detect
from spcs.image.engines import Engine, LocalImage
from spcs.image.inputs import ContextFile, ImagePlan, collect, fingerprint, reference, requirement_files, top_level
from spcs.image.receipts import Receipt, read
from spcs.image.repository import Token

__all__ = [
    "ContextFile",
    "Engine",
    "ImagePlan",
    "LocalImage",
    "Receipt",
    "Token",
    "build",
    "collect",
    "detect",
    "fingerprint",
    "login",
    "push",
    "read",
    "reference",
    "requirement_files",
    "top_level",
]
