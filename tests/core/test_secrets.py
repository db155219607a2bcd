"""Secrets are found by their shape and by their name, with their place; words, paths and digests are left in peace."""

import random
import string

import pytest

from zk0.core.secrets import SecretSpan, find_secrets, is_random, is_secret_name, without_secrets

# Put together here, so that no scanner of this repository finds them.
TOKENS = {
    "hugging-face-token": "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f",
    "github-token": "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f56",
    "gitlab-token": "glpat-" + "aB3dE5gH7jK9mN1pQ3sT",
    "aws-access-key": "AKIA" + "IOSFODNN7EXAMPLE",
    "google-api-key": "AIza" + "SyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1v",
    "model-api-key": "sk-" + "proj-aB3dE5gH7jK9mN1pQ3sT5vW7",
    "wandb-key": "wandb_v1_" + "aB3dE5gH7jK9mN1pQ3sT5vW7",
    "slack-token": "xoxb-" + "123456789012-abcdef",
    "package-index-token": "npm_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f56",
    "json-web-token": "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0." + "dozjgNryP4J3jVmNHl0w5N",
    "private-key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
}
RANDOM = "7c1e9d04b2a85f6637e0c4d19ab82f5e6d3c7a10"  # as W&B's keys are


@pytest.mark.parametrize(("kind", "token"), TOKENS.items())
def test_a_token_is_found_wherever_it_stands(kind, token):
    text = f"a line\nand then {token}, of all things\n"

    assert find_secrets(text) == [SecretSpan(2, 10, kind)]


def test_a_password_in_an_address_is_found_where_it_begins():
    assert find_secrets("git clone https://me:" + "hunter2@example.org/x.git") == [SecretSpan(1, 19, "url-password")]


@pytest.mark.parametrize(
    "text",
    [
        "WANDB_API_KEY={}",
        "api_key: {}",
        '"accessKey": "{}"',
        "password = '{}'",
        "--token {}",
        "Authorization: Bearer {}",
    ],
)
def test_a_random_value_is_found_by_its_name(text):
    column = text.index("{}") + 1

    assert find_secrets(text.format(RANDOM)) == [SecretSpan(1, column, "random-value")]


@pytest.mark.parametrize(
    "text",
    [
        f"digest: {RANDOM}",  # receipts, commits and files have these everywhere
        f"commit {RANDOM}",
        f"public_key: {RANDOM}",
        f"cache_key: {RANDOM}",
        "HF_TOKEN: {{ secrets.HF_TOKEN }}",
        "export HF_TOKEN=$HF_TOKEN",
        "key: rounds/0/clients/lift-left/policy_loss",
        "key: steps.federate.outputs.rounds.10.loss",
        "tokenizer: HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        "password: a-long-one-that-is-made-of-words",
        "hf_" + "x" * 34,
        "the sk-learn-of-all-the-names-one-could-choose",
        "https://user:${PASSWORD}@example.org",
        "https://example.org:8080/a@b",
    ],
)
def test_what_is_no_secret_is_left_in_peace(text):
    assert find_secrets(text) == []


def test_all_secrets_are_told_in_order_and_one_that_is_found_twice_once():
    token = TOKENS["hugging-face-token"]
    text = f"HF_TOKEN={token}\n\nkey: {RANDOM}\nagain {token}\n"

    assert [(found.line, found.kind) for found in find_secrets(text)] == [
        (1, "hugging-face-token"),
        (3, "random-value"),
        (4, "hugging-face-token"),
    ]
    assert token not in repr(find_secrets(text))


def test_each_secret_is_cut_out_whole_and_nothing_else():
    key = f"{TOKENS['private-key']}\nb3Blbn\nNza\n-----END OPENSSH " + "PRIVATE KEY-----"
    text = f"a {TOKENS['github-token']}, b ({TOKENS['wandb-key']})\npassword={RANDOM}; {key} c"

    assert without_secrets(text) == "a [github-token], b ([wandb-key])\npassword=[random-value]; [private-key] c"
    assert without_secrets(" ".join(key.split()), lambda _: "***") == "***"
    assert [found.length for found in find_secrets(text)][-1] == len(key)


def test_of_random_keys_nearly_all_are_told_from_names():
    draw = random.Random(0)
    keys = ["".join(draw.choices(string.ascii_letters + string.digits, k=40)) for _ in range(500)]

    assert sum(map(is_random, keys)) / len(keys) > 0.98
    assert not any(map(is_random, ("the-quick-brown-fox-jumps", "20260124-131502-train-3f9a", "version1.2.3", "")))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("HF_TOKEN", True),
        ("apiKey", True),
        ("WANDB_API_KEY", True),
        ("password", True),
        ("key", True),
        ("monkey", False),
        ("publicKey", False),
        ("tokenizer", False),
        ("max_tokens", False),
    ],
)
def test_a_name_tells_whether_a_secret_is_meant(name, secret):
    assert is_secret_name(name) is secret


@pytest.mark.parametrize("unit", ["sk-", "eyJ", "key ", "a", "https://a:b"])
def test_no_text_takes_long(unit):
    assert isinstance(find_secrets(unit * (1_000_000 // len(unit))), list)
