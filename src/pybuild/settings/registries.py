"""Options about registries → how they are reached."""

from __future__ import annotations

from pathlib import Path

from pybuild.errors import UsageError
from pybuild.events import BuildWarning
from pybuild.oci.reference import DOCKER_HUB, is_host
from pybuild.request import ClientCertificate, Credential, Mirror, RegistryOptions
from pybuild.settings.place import Place
from pybuild.settings.values import Values

_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


def read_registries(values: Values, place: Place) -> RegistryOptions:
    """How registries are reached.

    Raises:
        UsageError: An option is not of its form, or names a file that is not there.
    """
    unchecked = values.flag("skip-tls-verify")
    return RegistryOptions(
        insecure_hosts=_hosts(values, "insecure-registry"),
        insecure_pull=values.flag("insecure-pull"),
        insecure_push=values.flag("insecure"),
        unverified_hosts=_hosts(values, "skip-tls-verify-registry"),
        unverified_pull=unchecked or values.flag("skip-tls-verify-pull"),
        unverified_push=unchecked,
        authorities=_authorities(values, place),
        client_certificates=_client_certificates(values, place),
        mirrors=_mirrors(values),
        mirrors_only=values.flag("skip-default-registry-fallback"),
        pull_retries=values.number("image-download-retry"),
        push_retries=values.number("push-retry"),
        credentials=_credentials(values),
        config_files=place.config_files(values.text("dockerconfig")),
        auth_config=place.env.get("DOCKER_AUTH_CONFIG", ""),
        helper_path=place.env.get("PATH", ""),
        proxies=place.proxies(),
    )


def missing_authorities(options: RegistryOptions) -> tuple[BuildWarning, ...]:
    """A warning for each ``--registry-certificate`` that is not there.

    It is an error as soon as its registry is asked, and not before, as in Kaniko.
    """
    return tuple(
        BuildWarning("CertificateMissing", f"there is no file {path} with certificates for {host}")
        for host, path in options.authorities
        if not path.is_file()
    )


def _hosts(values: Values, option: str) -> frozenset[str]:
    for text in values.many(option):
        if not is_host(text):
            raise UsageError(
                f"{values.source(option)}: {text!r} is not a registry's host",
                hint="name the host alone, with its port: registry.example.com:5000",
            )
    return frozenset(values.many(option))


def _mirrors(values: Values) -> tuple[Mirror, ...]:
    """Maps before mirrors, each in the order given."""
    mapped = values.source("registry-map")
    entries = [e.strip() for text in values.many("registry-map") for e in text.split(";")]
    for entry in entries:
        if entry and "=" not in entry:
            raise UsageError(f"{mapped}: {entry!r} is not of the form HOST=MIRROR[/PREFIX]")
    maps = [_mirror(entry, mapped) for entry in entries if entry]
    mirrored = values.source("registry-mirror")
    return (*maps, *(_mirror(text, mirrored) for text in values.many("registry-mirror")))


def _mirror(text: str, source: str) -> Mirror:
    registry, equals, target = text.rpartition("=")
    if "://" in target:
        raise UsageError(
            f"{source}: {text!r} has a scheme", hint="name the host alone: mirror.example.com"
        )
    host, _, prefix = target.partition("/")
    if not is_host(host) or (equals and not is_host(registry)):
        raise UsageError(f"{source}: {text!r} is not of the form HOST=MIRROR[/PREFIX]")
    return Mirror(_canonical(registry or DOCKER_HUB), host, prefix.strip("/"))


def _authorities(values: Values, place: Place) -> tuple[tuple[str, Path], ...]:
    source = values.source("registry-certificate")
    pairs = [_by_host(text, source, "HOST=FILE") for text in values.many("registry-certificate")]
    return tuple((host, place.path(name)) for host, name in pairs)


def _client_certificates(values: Values, place: Place) -> tuple[ClientCertificate, ...]:
    source, form = values.source("registry-client-cert"), "HOST=CERT,KEY"
    found: list[ClientCertificate] = []
    for text in values.many("registry-client-cert"):
        host, names = _by_host(text, source, form)
        certificate, comma, key = names.partition(",")
        if not comma or not certificate or not key:
            raise UsageError(f"{source}: {text!r} is not of the form {form}")
        files = (_file(name, source, place) for name in (certificate, key))
        found.append(ClientCertificate(host, *files))
    return tuple(found)


def _by_host(text: str, source: str, form: str) -> tuple[str, str]:
    host, _, rest = text.partition("=")
    if not host or not rest:
        raise UsageError(f"{source}: {text!r} is not of the form {form}")
    return _canonical(host), rest


def _file(text: str, source: str, place: Place) -> Path:
    path = place.path(text)
    if not path.is_file():
        raise UsageError(f"{source}: there is no file {text}")
    return path


def _credentials(values: Values) -> tuple[Credential, ...]:
    user, password = values.text("username"), values.text("password")
    if not user and not password:
        return ()
    if not user or not password:
        missing = "password" if user else "username"
        raise UsageError(
            f"the {missing} for the registry {values.text('registry')} is missing",
            hint=f"give the input {missing} or set PYBUILD_{missing.upper()}",
        )
    return (Credential(_canonical(_host(values.text("registry"))), user, password),)


def _host(text: str) -> str:
    """The host in what people give for a registry: ``https://index.docker.io/v1/`` too."""
    return text.rpartition("://")[2].partition("/")[0]


def _canonical(host: str) -> str:
    return DOCKER_HUB if host in _HUB_NAMES else host
