"""Start the program with what a caller's environment may lack.

Nothing here may depend on the image's ENV: `docker run -e`, Kubernetes and CI runners replace
it at will.
"""

if __name__ == "__main__":
    # Before all else: the kernel keeps from process 1 every signal that it has no handler for,
    # and what is imported below takes a tenth of a second. Both modules are part of the
    # interpreter, which is started without `site`: no file has been read yet but this one.
    # `pybuild.cli.main` puts its own handlers in the place of these.
    import _signal
    import posix

    for _number in (_signal.SIGTERM, _signal.SIGINT):
        _signal.signal(_number, lambda *_: posix._exit(143))  # noqa: SLF001 - a public name of os

    import site

    site.main()

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

PROGRAMS = "/pybuild/bin"
TEMPORARY = "/pybuild/tmp"
CA_BUNDLE = Path("/pybuild/own/kaniko/ssl/certs/ca-certificates.crt")
CA_BUNDLE_COPY = "/pybuild/ssl/certs/ca-certificates.crt"
CA_VARIABLES = ("SSL_CERT_FILE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")


def complete(environ: MutableMapping[str, str]) -> None:
    """Add what the program and its git need, and leave alone what the caller chose."""
    path = environ.get("PATH", "")
    if PROGRAMS not in path.split(":"):
        environ["PATH"] = f"{PROGRAMS}:{path}".rstrip(":")

    # /tmp is a link that is set aside during a build, when another image's /tmp stands there.
    environ.setdefault("TMPDIR", TEMPORARY)

    # The libraries' defaults lead to CA_BUNDLE. One bundle for all when the caller names one,
    # and ours when a mount has hidden it.
    bundle = environ.get("SSL_CERT_FILE")
    if bundle is None and not CA_BUNDLE.exists():
        bundle = CA_BUNDLE_COPY
    if bundle is not None:
        for name in CA_VARIABLES:
            environ.setdefault(name, bundle)


if __name__ == "__main__":
    complete(os.environ)
    from pybuild.cli.main import main

    sys.exit(main())
