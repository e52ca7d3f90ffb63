"""Set pieces up, and say how long each took: ``python3 -m tools.services [PIECE...]``; without
names, all of them."""

import sys
import time

from tools.services import action_image, bases, daemon, machine, programs, registries

# In the order in which they need each other.
PIECES = {
    "packages": machine.ensure_packages,
    "dockerd": daemon.ensure_daemon,
    "registries": registries.ensure_registries,
    "bases": bases.ensure_bases,
    "image": action_image.ensure_image,
    "programs": programs.ensure_programs,
}


def main(names: list[str]) -> None:
    """Set up the pieces named, or all of them."""
    for name in names or PIECES:
        started = time.monotonic()
        with machine.one_at_a_time():
            PIECES[name]()
        sys.stderr.write(f"services: {name} {time.monotonic() - started:.1f} s\n")


if __name__ == "__main__":
    main(sys.argv[1:])
