"""Base images that are what no real one needs to be: with triggers, for several platforms, with
every field of a configuration. They are in the open registry as ``conformance/NAME``.
"""

import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.services import registries

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CREATED = "2001-02-03T04:05:06Z"
PLATFORMS = ({"architecture": "amd64"}, {"architecture": "arm64", "variant": "v8"})

TRIGGERS = (
    "ARG colour=green",
    "ENV TRIGGERED=$colour",
    "COPY seed /seeded/",
    "RUN echo $colour >/triggered",
)
EVERYTHING = {
    "User": "7:8",
    "ExposedPorts": {"81/tcp": {}},
    "Env": ["BASE=yes"],
    "Entrypoint": ["/entry"],
    "Cmd": ["argument"],
    "Volumes": {"/base": {}},
    "WorkingDir": "/base/work",
    "Labels": {"base": "yes"},
    "StopSignal": "SIGHUP",
    "Shell": ["/bin/sh", "-ec"],
    "Healthcheck": {"Test": ["CMD", "/healthy"], "Interval": 1_000_000_000, "Retries": 5},
    "ArgsEscaped": True,
}


def ensure_own_bases() -> None:
    """Have these images in the open registry."""
    push_image("triggers", {"OnBuild": list(TRIGGERS)}, files={})
    push_image("everything", EVERYTHING, files={}, author="Base Maker")
    push_platforms("platforms")


def write_layout(name: str, folder: Path) -> None:
    """Write the image of the first platform as an OCI layout whose tag is ``latest``."""
    manifest = get(f"conformance/{name}/manifests/latest", INDEX)["manifests"][0]
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    wanted = [manifest]
    for kind in ("manifests", "blobs", "blobs"):
        descriptor = wanted.pop(0)
        place = f"conformance/{name}/{kind}/{descriptor['digest']}"
        with asked("GET", place, headers={"Accept": MANIFEST}) as answer:
            data = answer.read()
        (blobs / descriptor["digest"].removeprefix("sha256:")).write_bytes(data)
        if kind == "manifests":
            document = json.loads(data)
            wanted = [document["config"], *document["layers"]]
    tagged = manifest | {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [tagged]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def push_platforms(name: str) -> None:
    """An image for two platforms; its file /platform tells them apart."""
    documents = []
    for platform in PLATFORMS:
        files = {"platform": platform["architecture"].encode()}
        run = {"Env": [f"PLATFORM={platform['architecture']}"]}
        pushed = push_image(name, run, files=files, on_busybox=False, **platform)
        documents.append({**pushed, "platform": {"os": "linux", **platform}})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": documents}
    put(f"conformance/{name}/manifests/latest", json.dumps(index).encode(), INDEX)


def push_image(
    name: str,
    run: Mapping[str, Any],
    *,
    files: Mapping[str, bytes],
    on_busybox: bool = True,
    architecture: str = "amd64",
    **fields: str,
) -> dict[str, Any]:
    """Push busybox, or a few files, with another configuration; gives the image's descriptor."""
    config: dict[str, Any] = {"created": CREATED, "architecture": architecture, "os": "linux"}
    if on_busybox:
        manifest, base = busybox()
        layers, diff_ids = manifest["layers"], base["rootfs"]["diff_ids"]
        for layer in layers:
            mount(name, layer["digest"])
    else:
        data = archive(files)
        layers = [push_blob(name, data, LAYER)]
        diff_ids = [layers[0]["digest"]]
    config |= fields | {
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": CREATED, "created_by": "made for tests"}],
    }
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": push_blob(name, json.dumps(config).encode(), CONFIG),
        "layers": [layer | {"mediaType": oci_type(layer["mediaType"])} for layer in layers],
    }
    data = json.dumps(document).encode()
    found = described(data, MANIFEST)
    for reference in (found["digest"], "latest"):
        put(f"conformance/{name}/manifests/{reference}", data, MANIFEST)
    return found


def oci_type(media_type: str) -> str:
    """A layer's type as OCI names it."""
    return f"{LAYER}+gzip" if media_type.endswith("gzip") else LAYER


def busybox() -> tuple[Any, Any]:
    """The manifest and the configuration of the tests' busybox."""
    manifest = get("library/busybox/manifests/latest")
    return manifest, get(f"library/busybox/blobs/{manifest['config']['digest']}")


def archive(files: Mapping[str, bytes]) -> bytes:
    """A layer of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def described(data: bytes, media_type: str) -> dict[str, Any]:
    """A descriptor of bytes."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def push_blob(name: str, data: bytes, media_type: str) -> dict[str, Any]:
    """Upload bytes; gives their descriptor."""
    found = described(data, media_type)
    with asked("POST", f"conformance/{name}/blobs/uploads/") as answer:
        location = answer.headers["Location"]
    separator = "&" if "?" in location else "?"
    with asked("PUT", f"{location}{separator}digest={found['digest']}", data):
        return found


def mount(name: str, digest: str) -> None:
    """Have a blob of busybox in another repository, too."""
    place = f"conformance/{name}/blobs/uploads/?mount={digest}&from=library/busybox"
    with asked("POST", place) as answer:
        assert answer.status == 201


def put(path: str, data: bytes, media_type: str) -> None:
    """Store a manifest."""
    with asked("PUT", path, data, {"Content-Type": media_type}):
        pass


def get(path: str, accepted: str = DOCKER_MANIFEST) -> Any:
    """A document."""
    with asked("GET", path, headers={"Accept": accepted}) as answer:
        return json.load(answer)


def asked(
    method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    """The open registry's answer."""
    address = path if path.startswith("http") else f"http://{registries.OPEN.host}/v2/{path}"
    headers = {"Content-Type": "application/octet-stream", **(headers or {})}
    request = urllib.request.Request(address, data, headers, method=method)
    return urllib.request.urlopen(request, timeout=30)
