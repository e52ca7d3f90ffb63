"""What a front end asks for and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pybuild.digest import Digest
from pybuild.oci.manifest import Descriptor
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository


@dataclass(frozen=True, slots=True)
class Credential:
    """A user and a password for one registry host; never printed."""

    host: str
    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where to look first for images of a registry.

    Attributes:
        registry: The host that is mirrored, ``docker.io`` for Docker Hub.
        host: The mirror's host and port.
        prefix: A path before the repository, without slashes at its ends; or empty.
    """

    registry: str
    host: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What this side shows to one registry host (mutual TLS); both files in PEM."""

    host: str
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How registries are reached.

    Attributes:
        insecure_hosts: Hosts spoken to over plain HTTP.
        insecure_pull: Plain HTTP may be spoken for every pull, mirrors included (Kaniko's
            ``--insecure-pull``).
        insecure_push: Plain HTTP may be spoken for every push and for the cache (Kaniko's
            ``--insecure``).
        unverified_hosts: Hosts whose certificate is not checked.
        unverified_pull: No certificate is checked for pulls (Kaniko's
            ``--skip-tls-verify-pull``, dead there).
        unverified_push: No certificate is checked for pushes and for the cache.
        authorities: By host, a file of certificates in PEM that are trusted besides the system's.
        client_certificates: For hosts that ask for one.
        mirrors: Tried in order before the registry itself.
        mirrors_only: Whether the registry itself is not asked where a mirror is named for it
            (Kaniko's ``--skip-default-registry-fallback``).
        pull_retries: How often a pull is tried again after what may pass; None is the default.
        push_retries: The same for pushes.
        credentials: Explicit ones; they win over every file.
        config_files: Docker ``config.json`` files, first hit wins; those that do not exist are
            passed over.
        auth_config: The text of ``DOCKER_AUTH_CONFIG``, or empty.
        helper_path: Where ``docker-credential-*`` programs are looked up, in the form of ``PATH``.
        proxies: ``http_proxy https_proxy no_proxy`` by lower-case name.
    """

    insecure_hosts: frozenset[str] = frozenset()
    insecure_pull: bool = False
    insecure_push: bool = False
    unverified_hosts: frozenset[str] = frozenset()
    unverified_pull: bool = False
    unverified_push: bool = False
    authorities: tuple[tuple[str, Path], ...] = ()
    client_certificates: tuple[ClientCertificate, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    mirrors_only: bool = False
    pull_retries: int | None = None
    push_retries: int | None = None
    credentials: tuple[Credential, ...] = ()
    config_files: tuple[Path, ...] = ()
    auth_config: str = field(default="", repr=False)
    helper_path: str = ""
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class GitOptions:
    """Options of git contexts; the token is never part of a URL.

    Attributes:
        branch: A branch, tag or full ref; wins over a fragment of the URL.
        user: The user name sent with the token.
        pull_http: ``git://`` is fetched over http rather than https (``GIT_PULL_METHOD=http``).
    """

    branch: str = ""
    token: str = field(default="", repr=False)
    user: str = ""
    pull_http: bool = False


@dataclass(frozen=True, slots=True)
class S3Options:
    """Where the store is; credentials come from AWS's own chain (environment, profile, role).

    Attributes:
        endpoint: The URL of a store other than AWS (``S3_ENDPOINT``), or empty.
        region: ``AWS_REGION``, which boto3 does not read itself, or empty.
        force_path_style: The bucket stands in the path (``S3_FORCE_PATH_STYLE``); counts only
            with an endpoint, as in Kaniko.
    """

    endpoint: str = ""
    region: str = ""
    force_path_style: bool = False


@dataclass(frozen=True, slots=True)
class HookOptions:
    """The pre-build hook.

    Attributes:
        script: A shell script; empty is no hook.
        image: An image whose ``/bin/sh`` runs it; empty is the builder's own shell.
    """

    script: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """One export.

    Attributes:
        kind: ``oci`` or ``docker`` (an image), ``tar`` or ``local`` (the target's files).
        destination: A directory or a file; None is standard output.
        tar: Whether destination is one file; always for ``docker`` and ``tar``, never for
            ``local``.
        named: Whether an ``oci`` layout lists the image once for each of its names; else it
            lists it once, without a name, as Kaniko's layouts do.
    """

    kind: str
    destination: Path | None
    tar: bool
    named: bool = True


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """The form of the image, the same for every output.

    Attributes:
        compression: ``gzip``, ``zstd`` or ``uncompressed``.
        level: The compression's own level, or None for the fast default.
        force: Whether the base's layers are compressed anew where they are of another kind.
        oci_media_types: Whether documents carry OCI's media types; else Docker's.
    """

    compression: str = "gzip"
    level: int | None = None
    force: bool = False
    oci_media_types: bool = True


LARGEST_SECRET_BYTES = 500 * 1024
"""BuildKit's limit (session/secrets/secretsprovider)."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value for ``RUN --mount=type=secret``; never printed, in no key and in no layer.

    Attributes:
        file: Where the value is; None where ``value`` is it.
    """

    id: str
    file: Path | None = None
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SshAgent:
    """An agent for ``RUN --mount=type=ssh``, by its socket."""

    id: str
    socket: Path


@dataclass(frozen=True, slots=True)
class Annotation:
    """A key and a value on a document; level is ``manifest`` or ``manifest-descriptor``."""

    level: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What every RUN of the build gets.

    Attributes:
        network: ``default``, ``none`` or ``host``, where an instruction says nothing.
        hosts: Names and addresses for ``/etc/hosts`` (``--add-host``).
        shm_bytes: The size of ``/dev/shm``, or None.
        limits: By docker's name: soft and hard limit (``--ulimit``); -1 is without limit.
    """

    network: str = "default"
    hosts: tuple[tuple[str, str], ...] = ()
    shm_bytes: int | None = None
    limits: tuple[tuple[str, int, int], ...] = ()
    secrets: tuple[Secret, ...] = ()
    ssh: tuple[SshAgent, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build, fully spelled out; paths are absolute and resolved.

    Attributes:
        context: A directory, an archive's path, ``-``, or a git, http or s3 URL.
        context_sub_path: A directory below the context that becomes the context.
        dockerfile: As the user gave it; empty is ``Dockerfile`` in the context.
        build_args: In order; a later one wins.
        source_date_epoch: Seconds since 1970, or None.
        now_s: The time of the build, for ``created`` where no epoch is given.
        cache_from: Repositories and directories that are asked for steps, in order.
        cache_to: Repositories and directories that get the steps that ran.
        load_socket: A Docker daemon's socket that the image is loaded into (``--load``), or None.
        jobs: How many stages may be at work at once; None is as many as there are processors.
        state_dir: Where blobs, trees and fetched contexts lie.
        state_max_bytes: What the store may hold after the build, or None for no limit.
        ignore_paths: Absolute paths in the image; what a RUN changes at or below one is not part
            of its layer. Each component may be a pattern (Go's ``filepath.Match``).
        cache_ttl_s: Cached steps that ran longer ago than this are misses; None is no limit.
        check_push: Whether it is asked before the build if the tags' repositories may be written.
        keep_immutable_tags: A tag that the registry refuses to move is a warning, not an error.
        dry_run: Plan and look up, but run nothing and push nothing.
        build_contexts: Named contexts (``--build-context``): a name, which may be an image's, and
            a directory, a URL, ``docker-image://…``, ``oci-layout://…``; a later one wins.
        no_cache_stages: Names of stages (or their indexes) whose steps are not looked up
            (``--no-cache-filter``).
        foreign_syntax: Whether a ``# syntax=`` that is not ours is passed over (else an error).
    """

    context: str
    state_dir: Path
    now_s: int
    dockerfile: str = ""
    context_sub_path: str = ""
    target: str = ""
    platform: Platform = field(default_factory=Platform.host)
    build_args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    tags: tuple[Reference, ...] = ()
    push: bool = False
    outputs: tuple[Output, ...] = ()
    image: ImageOptions = ImageOptions()
    load_socket: Path | None = None
    jobs: int | None = None
    state_max_bytes: int | None = None
    ignore_paths: tuple[str, ...] = ()
    cache_ttl_s: int | None = None
    check_push: bool = True
    keep_immutable_tags: bool = False
    no_cache: bool = False
    cache_from: tuple[Repository | Path, ...] = ()
    cache_to: tuple[Repository | Path, ...] = ()
    rewrite_timestamp: bool = False
    source_date_epoch: int | None = None
    rootfs: str = "auto"
    registries: RegistryOptions = RegistryOptions()
    git: GitOptions = GitOptions()
    s3: S3Options = S3Options()
    hook: HookOptions = HookOptions()
    dry_run: bool = False
    build_contexts: tuple[tuple[str, str], ...] = ()
    no_cache_stages: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    run: RunOptions = RunOptions()
    foreign_syntax: bool = False


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step as the summary shows it.

    Attributes:
        title: As ``[builder 2/7] RUN make``.
        layer: The layer it made or reused; None where it made none.
    """

    title: str
    cached: bool
    seconds: float
    layer: Descriptor | None = None


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made.

    Attributes:
        digest: Of the manifest.
        image_id: Of the configuration.
        manifest: The manifest's descriptor.
        size_bytes: The sum of the layers' sizes as they stand in the registry.
        pushed: References that now name the image.
    """

    digest: Digest
    image_id: Digest
    manifest: Descriptor
    size_bytes: int
    layers: tuple[Descriptor, ...]
    steps: tuple[StepReport, ...]
    tags: tuple[Reference, ...]
    pushed: tuple[Reference, ...]
    seconds: float
