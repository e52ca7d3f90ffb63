"""The ``/etc/hosts`` of a RUN."""

from __future__ import annotations

from pybuild.ports import Sandbox

# As BuildKit writes them (executor/oci/hosts.go).
_LOOPBACK = (("127.0.0.1", "localhost"), ("::1", "localhost ip6-localhost ip6-loopback"))


def hosts_file(machine: str, sandbox: Sandbox, hostname: str) -> str:
    """BuildKit's lines and the added ones, then what the machine's file has besides.

    A name that was given is not looked for in the machine's lines any more: nobody shall get two
    addresses where the Dockerfile's author knows of one.

    Args:
        machine: The machine's own file: a RUN uses its network, so it needs its names.
        sandbox: Has the added lines.
        hostname: What the RUN calls its machine; empty where that is the machine's own name.
    """
    (ipv4, names), ipv6 = _LOOPBACK
    lines = [(ipv4, f"{names} {hostname}".strip()), ipv6]
    lines += [(address, name) for name, address in sandbox.hosts]
    given = {name for _, names in lines for name in names.split()}

    for line in machine.splitlines():
        address, *others = line.partition("#")[0].split() or [""]
        if left := [name for name in others if name not in given]:
            lines.append((address, " ".join(left)))
    return "".join(f"{address}\t{names}\n" for address, names in lines)
