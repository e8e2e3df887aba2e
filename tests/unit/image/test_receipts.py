from __future__ import annotations

from pathlib import Path

import pytest

from spcs.image.receipts import Receipt, read, write

RECEIPT = Receipt("train", "127.0.0.1:5000/db/schema/images/training:0123456789ab", "0" * 64, "docker", "sha256:1")


def test_receipt_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, RECEIPT)
    assert read(tmp_path, "train") == RECEIPT
    assert RECEIPT.tag == "0123456789ab"


def test_job_without_receipt_has_none(tmp_path: Path) -> None:
    assert read(tmp_path, "train") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"job": "train"}', '{"unknown": 1}'])
def test_unreadable_receipt_counts_as_none(text: str, tmp_path: Path) -> None:
    write(tmp_path, RECEIPT)
    (tmp_path / "images" / "train.json").write_text(text)
    assert read(tmp_path, "train") is None
