"""``pybuild cache``: look through a step cache, clear it up, and fetch base images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

from pybuild.cache.directory_stock import DirectoryStock
from pybuild.cache.pruning import Rules, choose, ran_at_s
from pybuild.cache.repository_stock import RepositoryStock
from pybuild.cache.stock import Held, Stock, total_bytes
from pybuild.cache.warming import warm
from pybuild.cli.cache_options import COMMANDS, CacheOptions, cache_help, read_cache_options
from pybuild.cli.cache_rows import entry_details, entry_row
from pybuild.cli.invocation import Invocation
from pybuild.errors import UsageError
from pybuild.events import BuildWarning, Emit, Event
from pybuild.http import Transport
from pybuild.oci.manifest import Descriptor
from pybuild.oci.platform import Platform
from pybuild.oci.reference import Reference, Repository
from pybuild.registry.catalogue import Catalogue
from pybuild.registry.client import RegistryClient
from pybuild.report import cache as report
from pybuild.report.plain import Level, PlainLog
from pybuild.report.size import size
from pybuild.settings import quantities
from pybuild.settings.argv import closest
from pybuild.settings.values import truth
from pybuild.store.blobs import LayoutStore

_FORMATS = ("table", "json")


def run(invocation: Invocation) -> int:
    """Do what the first argument says."""
    name, *rest = invocation.arguments or ("--help",)
    if name in {"--help", "-h", "help"}:
        invocation.out.line(cache_help())
        return 0
    if name not in COMMANDS:
        meant = closest(name, COMMANDS)
        hint = f"did you mean {meant}?" if meant else "pybuild cache --help lists the commands"
        raise UsageError(f"unknown command: cache {name}", hint=hint)
    options = read_cache_options(name, invocation.with_arguments(rest))
    if options is None:
        invocation.out.line(cache_help())
        return 0
    act = {"ls": _list, "show": _show, "prune": _prune, "warm": _warm}[name]
    for line in act(options, invocation):
        invocation.out.line(line)
    return 0


def _list(options: CacheOptions, invocation: Invocation) -> Iterable[str]:
    form = _form(options)
    (text,) = _positionals(options, "ls", "PLACE")
    with _stock(text, options, invocation) as stock:
        held = sorted(stock.held(), key=lambda one: (-ran_at_s(one), one.key))
    rows = [entry_row(one) for one in held]
    if form == "json":
        return [json.dumps(report.entry_documents(rows), indent=2, ensure_ascii=False)]
    return report.entry_lines(rows, total_bytes(held), invocation.clock())


def _show(options: CacheOptions, invocation: Invocation) -> Iterable[str]:
    form = _form(options)
    text, key = _positionals(options, "show", "PLACE", "KEY")
    with _stock(text, options, invocation) as stock:
        explained = stock.explain(_one(stock.held(_hex(key)), key, text))
    details = entry_details(explained, text)
    if form == "json":
        return [json.dumps(report.details_document(details), indent=2, ensure_ascii=False)]
    return report.details_lines(details, invocation.clock())


def _prune(options: CacheOptions, invocation: Invocation) -> Iterable[str]:
    rules, only_tell = _rules(options), _truth(options, "dry-run")
    if _truth(options, "state"):
        return _prune_state(options, rules, only_tell=only_tell)
    (text,) = _positionals(options, "prune", "PLACE")
    if rules == Rules():
        raise UsageError(
            "cache prune needs to know what to remove",
            hint="give --older-than, --max-bytes or --keep-last",
        )
    with _stock(text, options, invocation) as stock:
        choice = choose(stock.held(), rules, invocation.clock())
        if only_tell:
            rows = [entry_row(one) for one in choice.gone]
            return report.entry_lines(rows, total_bytes(choice.gone), invocation.clock())
        freed_bytes = stock.remove(choice.gone)
    return _pruned(choice.gone, choice.kept, freed_bytes, rules)


def _pruned(
    gone: tuple[Held, ...], kept: tuple[Held, ...], freed_bytes: int, rules: Rules
) -> Iterator[str]:
    left_bytes = total_bytes(kept)
    yield (
        f"removed {report.count(len(gone), 'entry', 'entries')}, freed {size(freed_bytes)}; "
        f"left {report.count(len(kept), 'entry', 'entries')}, {size(left_bytes)}"
    )
    freeable = total_bytes((*gone, *kept)) - left_bytes - freed_bytes
    if freeable > 0:
        yield f"{size(freeable)} are freed later: by the registry, or when no build uses them"
    if rules.max_bytes is not None and left_bytes > rules.max_bytes:
        yield f"more than {size(rules.max_bytes)} is left: --keep-last keeps it"


def _prune_state(options: CacheOptions, rules: Rules, *, only_tell: bool) -> Iterable[str]:
    _positionals(options, "prune --state")
    if only_tell or rules.max_bytes is None or rules != Rules(max_bytes=rules.max_bytes):
        raise UsageError("cache prune --state takes --max-bytes alone")
    blobs = options.place.state_dir(options.values.text("state-dir")) / "blobs"
    if not blobs.is_dir():
        return [f"there is no store at {blobs}"]
    with LayoutStore(blobs) as store:
        trimmed = store.trim(rules.max_bytes)
    removed = f"removed {report.count(trimmed.blobs, 'blob', 'blobs')}"
    return [f"{removed}, freed {size(trimmed.freed_bytes)}; left {size(trimmed.left_bytes)}"]


def _warm(options: CacheOptions, invocation: Invocation) -> Iterator[str]:
    if not options.positionals:
        raise UsageError("cache warm needs the name of an image")
    platform = options.values.text("platform")
    registry = RegistryClient(options.registries, _transport(options), _emit(invocation))

    def on_layer(layer: Descriptor, repository: Repository) -> None:
        invocation.err.line(f"{layer.digest} {size(layer.size_bytes)} from {repository}")

    with LayoutStore(options.place.state_dir(options.values.text("state-dir")) / "blobs") as store:
        done = warm(
            tuple(dict.fromkeys(Reference.parse(text) for text in options.positionals)),
            Platform.parse(platform) if platform else Platform.host(),
            registry,
            store,
            on_layer,
        )
    for one in done:
        layers = report.count(one.layers, "layer", "layers")
        yield f"{one.image}: {layers}, {size(one.fetched_bytes)} fetched"


@contextmanager
def _stock(text: str, options: CacheOptions, invocation: Invocation) -> Iterator[Stock]:
    match options.cache(text):
        case Path() as directory:
            with LayoutStore(directory) as layout:
                yield DirectoryStock(directory, layout)
        case Repository() as repository:
            catalogue = Catalogue(options.registries, _transport(options), _emit(invocation))
            yield RepositoryStock(repository, catalogue)
        case other:
            assert_never(other)


def _one(held: list[Held], key: str, text: str) -> Held:
    if not held:
        raise UsageError(f"{text} has no entry {key}", hint=f"pybuild cache ls {text} lists them")
    if len(held) > 1:
        raise UsageError(f"{text} has {len(held)} entries that begin with {key}: give more of it")
    return held[0]


def _hex(key: str) -> str:
    digits = key.removeprefix("sha256:").lower()
    if not digits or set(digits) - set("0123456789abcdef"):
        raise UsageError(f"{key!r} is not the key of an entry")
    return digits


def _rules(options: CacheOptions) -> Rules:
    own = options.own
    return Rules(
        quantities.duration_s(own["older-than"], "--older-than") if "older-than" in own else None,
        quantities.size_bytes(own["max-bytes"], "--max-bytes") if "max-bytes" in own else None,
        quantities.number(own["keep-last"], "--keep-last") if "keep-last" in own else None,
    )


def _form(options: CacheOptions) -> str:
    form = options.own.get("format", "table")
    if form not in _FORMATS:
        raise UsageError(f"--format: {form!r} is not one of {', '.join(_FORMATS)}")
    return form


def _truth(options: CacheOptions, name: str) -> bool:
    return truth(options.own.get(name, "false"), f"--{name}")


def _positionals(options: CacheOptions, command: str, *names: str) -> tuple[str, ...]:
    given = options.positionals
    if len(given) != len(names):
        wanted = " ".join(names) or "no arguments"
        raise UsageError(f"cache {command} takes {wanted}, not {' '.join(given) or 'nothing'}")
    return given


def _transport(options: CacheOptions) -> Transport:
    proxies = dict(options.registries.proxies)
    return Transport({name.removesuffix("_proxy"): url for name, url in proxies.items()})


def _emit(invocation: Invocation) -> Emit:
    log = PlainLog(invocation.err, Level.WARNINGS)

    def emit(event: Event) -> None:
        if isinstance(event, BuildWarning):
            log.emit(event)

    return emit
