"""What git's messages become."""

import pytest

from pybuild.context.git_address import parse_git_address
from pybuild.context.git_failure import explain
from pybuild.masking import Masker

ADDRESS = parse_git_address("https://h/o/r.git")
URL = "https://h/o/r.git/"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "fatal: could not read Username for 'https://h': terminal prompts disabled",
            "it wants credentials",
        ),
        (f"fatal: Authentication failed for '{URL}'", "it wants credentials"),
        (
            f"fatal: unable to access '{URL}': The requested URL returned error: 403",
            "access was refused",
        ),
        (
            f"fatal: unable to access '{URL}': Could not resolve host: h",
            "its host name is not known here",
        ),
        (
            f"fatal: unable to access '{URL}': Failed to connect to h port 443: Connection refused",
            "its host cannot be reached",
        ),
        (
            f"fatal: unable to access '{URL}': SSL certificate problem: self-signed certificate",
            "its TLS certificate is not trusted",
        ),
        (
            f"fatal: unable to access '{URL}': The requested URL returned error: 302",
            "it redirects to another address",
        ),
        (
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "its host refused the ssh key",
        ),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "its ssh host key is not known",
        ),
        (f"fatal: repository '{URL}' not found", "there is no such repository"),
        ("fatal: something new\n", "fatal: something new"),
        ("noise\nfatal: first\nremote: second\n\n", "remote: second"),
        ("", "git gave no reason"),
    ],
)
def test_reasons(output, reason):
    error = explain(ADDRESS, output, Masker(), with_token=False)

    assert error.message == f"cannot fetch the git repository https://h/o/r.git: {reason}"


def test_the_hint_knows_whether_a_token_was_sent():
    output = "fatal: Authentication failed"

    assert "give a token" in explain(ADDRESS, output, Masker(), with_token=False).hint
    assert "refused the token" in explain(ADDRESS, output, Masker(), with_token=True).hint


def test_what_git_says_is_masked_and_cut():
    output = "fatal: strange \x1b[31m s3cr3t-token " + "x" * 1000
    error = explain(ADDRESS, output, Masker(["s3cr3t-token"]), with_token=True)

    assert "s3cr3t" not in error.message
    assert "***" in error.message
    assert "\x1b" not in error.message
    assert len(error.message) < 400
