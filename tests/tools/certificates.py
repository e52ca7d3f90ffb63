"""A certificate authority for tests, and what it signs: EC keys and PEM files, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Authority:
    """A folder with the CA's ``ca.pem`` and ``ca.key``."""

    folder: Path

    @property
    def file(self) -> Path:
        """The CA's certificate."""
        return self.folder / "ca.pem"

    def issue(self, name: str, *alternative_names: str) -> Path:
        """A folder with ``cert.pem`` and ``key.pem``, for these names (``IP:127.0.0.1``)."""
        folder = self.folder / name
        folder.mkdir()
        names = ",".join(alternative_names) or f"DNS:{name}"
        _openssl(
            "req", "-x509", *_EC, "-subj", f"/CN={name}",
            "-CA", self.file, "-CAkey", self.folder / "ca.key",
            "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
        )  # fmt: skip
        return folder


def new_authority(folder: Path) -> Authority:
    """Make a CA."""
    _openssl(
        "req", "-x509", *_EC, "-subj", "/CN=ca of the tests",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
    )  # fmt: skip
    return Authority(folder)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
