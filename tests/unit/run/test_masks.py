from __future__ import annotations

import pytest

from spcs.run.masks import is_secret, masked, secrets_of


@pytest.mark.parametrize("name", ["HF_TOKEN", "db-password", "AWS_SECRET_ACCESS_KEY", "apiKey", "token", "CREDENTIALS"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "MOUNT_PATH", "KEYS_PER_ROW", "MAX_TOKENS", "SEED"])
def test_names_of_other_things(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('+password = "hunter2hunter2"', "hunter2hunter2"),
        ("  HF_TOKEN: hf_" + "a" * 34, "hf_" + "a" * 34),
        ("--token=abcdefgh12345", "abcdefgh12345"),
        ("x = 'gh" + "p_" + "A1" * 18 + "'", "A1" * 18),
        ("-----BEGIN " + "PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nafter", "MIIE"),
        ("url: https://me:word1234@host/x", "word1234"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in masked(text)
    assert "***" in masked(text)


def test_values_of_secrets_are_masked_wherever_they_stand_and_nothing_else() -> None:
    secrets = secrets_of({"MY_TOKEN": "correct-horse", "STEPS": "1000", "SECRET": "abc"})
    assert secrets == ["correct-horse", "abc"]
    assert masked('MY_TOKEN: "correct-horse"\nSTEPS: "1000"\nabc\n', secrets) == 'MY_TOKEN: "***"\nSTEPS: "1000"\nabc\n'


def test_a_text_without_secrets_stays_as_it_is() -> None:
    text = """image: /db/s/r/i:3f9c
args: [--max-tokens, 5, --tokenizer=distilbert-base4]
key: value
+token = tokenizer.decode(ids[0])
+token: "1234567"
"""
    assert masked(text) == text
