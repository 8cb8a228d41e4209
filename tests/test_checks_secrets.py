"""Secrets in plain text: what is refused, and what only looks like one."""

from __future__ import annotations

import pytest
from judging import messages

from hpc.compiler.checks.secrets import looks_secret

FILE = """\
hpc: 1
name: p
images: {app: repo/app:1.0}
components:
  train:
    image: app
    env: {WANDB_API_KEY: 0123456789abcdef}
steps:
  train: {env: {DB_PASSWORD: hunter2, HOME: /home/me}}
defaults: {env: {HF_TOKEN: hf_abcdefgh}}
edges: [train]
"""


def test_every_env_of_the_file() -> None:
    why = "looks like a secret written in plain text; it would be copied into the compiled JSON and its golden file."
    assert messages(FILE, only="HPC804") == [
        f"7:26 error HPC804 `WANDB_API_KEY` {why} | "
        "declare `secrets: {wandb_api_key: …}` and write `WANDB_API_KEY: {secret: wandb_api_key}`.",
        f"9:30 error HPC804 `DB_PASSWORD` {why} | "
        "declare `secrets: {db_password: …}` and write `DB_PASSWORD: {secret: db_password}`.",
        f"10:28 error HPC804 `HF_TOKEN` {why} | "
        f"declare `secrets: {{hf_token: …}}` and write `HF_TOKEN: {{secret: hf_token}}`.",
    ]


def test_a_reference_to_a_secret_is_how_it_should_be() -> None:
    text = FILE.replace("0123456789abcdef", "{secret: s}").replace("hunter2", "{secret: s}")
    text = text.replace("hf_abcdefgh", "{secret: s}") + "secrets: {s: {local: env:S}}\n"
    assert messages(text, "local", only="HPC804") == []


def test_a_secret_that_comes_from_vars_is_plain_text_too() -> None:
    text = FILE.replace("0123456789abcdef", "'${{ vars.key }}'") + "vars: {key: 0a1b2c3d4e}\n"
    assert messages(text, only="HPC804")[0].startswith("7:26 error HPC804 `WANDB_API_KEY` ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "sk-abc123def456"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("KEY", "abcdefgh"),
        ("SIGNING_KEY2", "abcdefgh"),
        ("WANDB_KEY", "0123456789abcdef0123456789abcdef01234567"),
        ("GITHUB_TOKEN", "ghp_0123456789"),
        ("token", "abcdefgh1"),
        ("DB_PASSWORD", "1234"),
        ("PGPASSWORD", "x y"),
        ("SSH_PASSPHRASE", "correct horse"),
        ("CLIENT_SECRET", "s"),
        ("clientSecret", "s"),
        ("STRIPE_APIKEY", "s"),
        ("my-api-key", "abcdefgh"),
        ("AZURE_CREDENTIALS", '{"clientSecret": "x"}'),
    ],
)
def test_secrets(name: str, value: str) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("TOKENIZER", "bert-base-uncased"),
        ("MAX_TOKENS", "4096"),
        ("MAX_TOKEN", "4096"),
        ("PAD_TOKEN", "<|endoftext|>"),
        ("MASK_TOKEN", "[MASK_IT]"),
        ("EOS_TOKEN", "</s>"),
        ("SSH_KEY_PATH", "/etc/keys/id_rsa"),
        ("SSH_KEY", "/etc/keys/id_rsa"),
        ("PRIVATE_KEY", "./keys/private.pem"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("DB_PASSWORD", "~/.pgpass"),
        ("DB_PASSWORD", ""),
        ("API_KEY", ""),
        ("USE_API_KEY", "true"),
        ("REQUIRE_PASSWORD", "False"),
        ("HF_TOKEN", "none"),
        ("TOKEN", "short"),
        ("MODEL_SECRET", "gs://bucket/secret"),
        ("SECRET_NAME", "wandb-production"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("PARTITION_KEY", "customer_id"),
        ("SORT_KEY", "a_long_column_name_of_a_table_2024"),
        ("PRIMARY_KEY", "order_id"),
        ("MONKEY", "abcdefghijklmnop1234567890"),
        ("KEYBOARD", "abcdefghijklmnop1234567890"),
        ("SECRETARY", "Mrs Smith"),
        ("PASSWORDLESS", "ssh-only"),
        ("WANDB_PROJECT", "0123456789abcdef0123456789abcdef01234567"),
        ("_", "abcdefgh"),
        ("", "abcdefgh"),
    ],
)
def test_what_only_looks_like_one(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_odd_names_of_variables() -> None:
    text = FILE.replace("WANDB_API_KEY: 0123456789abcdef", '"my.name": x, 2ND: x, _ok9: z, ÄÖ: u')
    message = "is not a name that every program can read from its environment."
    assert messages(text, only="HPC806") == [
        f"7:11 warning HPC806 `my.name` {message} | rename it `my_name`.",
        f"7:25 warning HPC806 `2ND` {message} | rename it `_2ND`.",
        f"7:42 warning HPC806 `ÄÖ` {message} | rename it `__`.",
    ]
