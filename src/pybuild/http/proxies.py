"""Which proxy a request goes through."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from pybuild.http.origin import Origin, is_loopback


def proxy_for(origin: Origin, proxies: Mapping[str, str]) -> str:
    """The proxy's URL for an origin, or empty; this machine is never asked through one.

    ``no`` is read as Go's tools do: names (with their subdomains), ``.name`` (subdomains only),
    addresses, CIDR ranges, each with an optional port; ``*`` is everything.
    """
    proxy = proxies.get(origin.scheme, "")
    if not proxy or is_loopback(origin.host):
        return ""
    if any(_bypasses(origin, rule) for rule in re.split(r"[,\s]+", proxies.get("no", "")) if rule):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _bypasses(origin: Origin, rule: str) -> bool:
    if rule == "*":
        return True
    try:
        return ipaddress.ip_address(origin.host) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        pass
    name, colon, port = rule.lower().rpartition(":")
    if not colon or not port.isdecimal():
        name, port = rule.lower(), ""
    if port and int(port) != origin.port:
        return False
    name = name.removeprefix("*").strip("[]")
    suffix = name if name.startswith(".") else f".{name}"
    return origin.host == name or origin.host.endswith(suffix)
