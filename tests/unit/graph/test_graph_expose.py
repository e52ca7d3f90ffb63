"""EXPOSE words."""

import pytest

from pybuild.graph.expose import exposed


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        (["80"], ("80/tcp",)),
        (["80/tcp", "53/udp"], ("80/tcp", "53/udp")),
        (["8000-8002"], ("8000/tcp", "8001/tcp", "8002/tcp")),
        (["7/SCTP"], ("7/sctp",)),
        (["127.0.0.1:8080:80"], ("80/tcp",)),
        (["80", "80/tcp"], ("80/tcp", "80/tcp")),
    ],
)
def test_words_become_ports_with_their_protocol(words, ports):
    assert exposed(words) == ports


@pytest.mark.parametrize("word", ["", "http", "80/xyz", "99999", "90-80", "1.5"])
def test_a_word_that_is_no_port_is_refused(word):
    with pytest.raises(ValueError, match="invalid"):
        exposed([word])
