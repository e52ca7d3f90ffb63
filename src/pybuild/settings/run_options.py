"""What surrounds a RUN, and what a Dockerfile reads besides its context."""

from __future__ import annotations

from pybuild.settings.option import Form, Kind, Option

RUN_OPTIONS: tuple[Option, ...] = (
    Option(
        "build-context",
        Kind.LIST,
        "Named context for `FROM`, `COPY --from` and mounts: a directory, a git or http URL, "
        "`docker-image://REFERENCE` or `oci-layout://PATH`.",
        metavar="NAME=VALUE",
        action="build-contexts",
    ),
    Option(
        "secret",
        Kind.LIST,
        "Secret for `RUN --mount=type=secret`, from a file or a variable; without both from the "
        "variable, or else the file, of the id's name.",
        metavar="id=ID[,src=PATH|,env=NAME]",
    ),
    Option(
        "secret-value",
        Kind.LIST,
        "Secrets with their values.",
        metavar="ID=VALUE",
        form=Form.ENVIRONMENT,
        secret=True,
        action="secrets",
    ),
    Option(
        "secret-env",
        Kind.LIST,
        "Secret whose value is in a variable.",
        metavar="ID=NAME",
        form=Form.ENVIRONMENT,
        action="secret-envs",
    ),
    Option(
        "secret-file",
        Kind.LIST,
        "Secret whose value is in a file.",
        metavar="ID=PATH",
        form=Form.ENVIRONMENT,
        action="secret-files",
    ),
    Option(
        "ssh",
        Kind.LIST,
        "Socket of an SSH agent for `RUN --mount=type=ssh`; `default` is that of SSH_AUTH_SOCK.",
        metavar="default|ID[=SOCKET]",
        action="ssh",
    ),
    Option(
        "network",
        Kind.CHOICE,
        "Network of every RUN that names none itself.",
        default="default",
        choices=("default", "none", "host"),
        metavar="NAME",
        action="network",
    ),
    Option(
        "add-host",
        Kind.LIST,
        "Line for the `/etc/hosts` of every RUN.",
        metavar="HOST:ADDRESS",
        action="add-hosts",
    ),
    Option(
        "shm-size",
        Kind.SIZE,
        "Size of the `/dev/shm` of every RUN.",
        metavar="SIZE",
        action="shm-size",
    ),
    Option(
        "ulimit",
        Kind.LIST,
        "Resource limit of every RUN.",
        metavar="NAME=SOFT[:HARD]",
        action="ulimit",
    ),
    Option(
        "no-cache-filter",
        Kind.WORDS,
        "Stage whose steps are run whatever a cache holds.",
        metavar="STAGE",
        action="no-cache-filters",
    ),
    Option(
        "annotation",
        Kind.LIST,
        "Annotation of the image's manifest, or with `manifest-descriptor:` before it of what an "
        "OCI layout's index says of it.",
        metavar="[LEVEL:]NAME=VALUE",
        action="annotations",
    ),
    Option(
        "call",
        Kind.TEXT,
        "What is done: `build`, or one of `check`, `outline`, `targets`, which only read; with "
        "`,format=json` for programs, a check also with `,format=sarif`.",
        default="build",
        metavar="NAME[,format=FORMAT]",
        action="call",
    ),
    Option(
        "check",
        Kind.FLAG,
        "The same as `--call check`.",
        default="false",
    ),
    Option(
        "syntax",
        Kind.CHOICE,
        "What a `# syntax=` line that names another language is: an error, or passed over.",
        default="strict",
        choices=("strict", "ignore"),
        metavar="NAME",
    ),
)
