"""Which requests go through a proxy."""

from __future__ import annotations

import pytest

from pybuild.http import Origin, is_loopback
from pybuild.http.proxies import proxy_for


@pytest.mark.parametrize(
    ("url", "no", "through"),
    [
        ("https://ghcr.io/", "", True),
        ("https://ghcr.io/", "*", False),
        ("https://ghcr.io/", "ghcr.io", False),
        ("https://ghcr.io/", "GHCR.IO", False),
        ("https://a.ghcr.io/", "ghcr.io", False),
        ("https://a.ghcr.io/", ".ghcr.io", False),
        ("https://a.ghcr.io/", "*.ghcr.io", False),
        ("https://ghcr.io/", ".ghcr.io", True),
        ("https://notghcr.io/", "ghcr.io", True),
        ("https://ghcr.io/", "a.io, ghcr.io", False),
        ("https://ghcr.io/", "ghcr.io:8443", True),
        ("https://ghcr.io:8443/", "ghcr.io:8443", False),
        ("https://10.1.2.3/", "10.0.0.0/8", False),
        ("https://10.1.2.3/", "10.1.2.3", False),
        ("https://11.1.2.3/", "10.0.0.0/8", True),
        ("https://[fd00::1]/", "fd00::/8", False),
        ("https://localhost:5000/", "", False),
        ("https://127.0.0.9:5000/", "", False),
        ("http://ghcr.io/", "", False),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(url, no, through):
    proxies = {"https": "http://proxy:3128", "no": no}
    assert proxy_for(Origin.of(url), proxies) == ("http://proxy:3128" if through else "")


def test_a_proxy_without_a_scheme_is_an_http_proxy():
    assert proxy_for(Origin.of("http://a/"), {"http": "proxy:3128"}) == "http://proxy:3128"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.evil.io", False),
        ("127.0.0.1.evil.io", False),
    ],
)
def test_only_this_machines_addresses_are_loopback(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a/x?y", "a"),
        ("https://a:443/", "a"),
        ("https://A:5000", "a:5000"),
        ("http://[::1]:80/", "[::1]"),
    ],
)
def test_an_origin_is_written_without_its_usual_port(url, text):
    assert str(Origin.of(url)) == text
