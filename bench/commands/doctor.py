"""`doctor`: what this machine has, what it lacks, and how to get it. Never tries the network."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import flags
from bench.commands.terminal import answer_json, answer_table, note
from bench.errors import EXIT_INCOMPLETE, EXIT_USAGE, BenchError, InputError

NEEDED_GIB = 2  # a run of the embedded suite with all its features stays well below


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `needed` things make `doctor` fail when they are missing."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    needed: bool = True


def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Check these pictures instead of the machine.")
    ] = None,
    suite: Annotated[
        str | None, flags.flag("--suite", "Check the inputs of this suite instead.", metavar="SUITE")
    ] = None,
    overrides: flags.Set = None,
    quick: Annotated[
        bool, flags.flag("--quick", "Only what takes no time: no device, no network's weights, no plug-in is loaded.")
    ] = False,
    as_json: flags.Json = False,
) -> None:
    """Check the machine (Python, torch, device, extras, weights, references, disk), pictures, or a suite's inputs."""
    if folder is not None or suite is not None:
        _inputs(folder, suite, overrides, as_json)
        return
    checks = [*_software(), *_extras(), *_references(), *_suites(), _disk()]
    if not quick:
        checks += [*_device(), *_offline_extractor(), *_networks(), *_plug_ins()]
    if as_json:
        answer_json({"ok": all(c.ok for c in checks if c.needed), "checks": [asdict(check) for check in checks]})
    else:
        rows = [(("ok" if c.ok else "MISSING" if c.needed else "optional"), c.name, c.found, c.fix) for c in checks]
        answer_table("this machine", ("", "what", "found", "how to get it"), rows)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(EXIT_USAGE)


def _inputs(folder: Path | None, suite: str | None, overrides: list[str] | None, as_json: bool) -> None:
    from bench.commands.input_checks import Finding, look_at_folder, look_at_suite, rows

    findings: list[Finding] = []
    if folder is not None:
        if not folder.is_dir():
            raise InputError("there is no such folder of pictures", where=str(folder))
        findings += look_at_folder(folder).findings
    if suite is not None:
        from bench.suite.load import load_suite

        findings += look_at_suite(load_suite(suite, overrides or ()))
    if as_json:
        answer_json({"ok": not any(f.fails for f in findings), "findings": [asdict(finding) for finding in findings]})
    elif findings:
        answer_table("inputs", ("", "where", "seen", "what follows", "what to do"), rows(findings))
    else:
        note("nothing is wrong with these inputs")
    if any(finding.fails for finding in findings):
        raise typer.Exit(EXIT_INCOMPLETE)


def _software() -> Iterator[Check]:
    from bench.run.environment import versions

    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    for package, version in versions().items():
        if package == "python":
            yield Check(package, supported, str(version), "" if supported else "use Python 3.11, 3.12 or 3.13")
        elif package == "realiz3d-bench":
            yield Check(package, True, version or "run from its source, not installed")
        else:
            yield Check(
                package, version is not None, version or "not installed", "" if version else f"pip install {package}"
            )


def _device() -> Iterator[Check]:
    try:
        import torch
    except ImportError as error:
        yield Check("device", False, str(error), "pip install torch")
        return
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        yield Check("device", True, f"{names}; CUDA {torch.version.cuda}")
    else:
        yield Check("device", True, f"CPU only, {torch.get_num_threads()} threads")
    try:
        import warp
    except ImportError as error:
        yield Check("rasteriser", False, str(error), "pip install warp-lang")
    else:
        yield Check("rasteriser", True, f"warp {warp.config.version}")


def _offline_extractor() -> Iterator[Check]:
    from bench.extractors.efficientnet_lite0 import POOLED, load_network, weights_path

    try:
        load_network(weights_path())
    except BenchError as error:
        yield Check(f"extractor {POOLED}", False, error.message, error.hint)
    else:
        yield Check(f"extractor {POOLED}", True, "its weights came with the install")


def _networks() -> Iterator[Check]:
    """Weights are found and hashed; loading all of these networks would take minutes and gigabytes."""
    from bench.commands.networks import networks

    for network in networks():
        try:
            yield Check(network.name, True, network.found(), needed=False)
        except BenchError as error:
            absent = error.message.removesuffix(", and nothing is fetched when offline")
            fetched = "" if absent == error.message else "a run that needs it fetches it, unless --offline; by hand: "
            yield Check(network.name, False, absent, fetched + error.hint, needed=False)


def _plug_ins() -> Iterator[Check]:
    from bench.estimators.catalogue import ESTIMATORS
    from bench.extractors.catalogue import EXTRACTORS
    from bench.generators.catalogue import GENERATORS
    from bench.metrics.catalogue import METRICS
    from bench.vqa.catalogue import VQA_MODELS

    for registry in (GENERATORS, METRICS, EXTRACTORS, ESTIMATORS, VQA_MODELS):
        for name, target in sorted(registry.targets().items()):
            if name in registry.built_in:
                continue
            try:
                registry.load(name)
            except BenchError as error:
                yield Check(f"{registry.kind} {name}", False, error.message, error.hint, needed=False)
            else:
                yield Check(f"{registry.kind} {name}", True, f"plug-in, {target}", needed=False)


def _extras() -> Iterator[Check]:
    from bench.commands.networks import EXTRAS, absent

    for extra, (modules, purpose) in EXTRAS.items():
        lacking = absent(modules)
        found = f"{', '.join(lacking)} not installed" if lacking else ", ".join(modules)
        fix = f"pip install 'realiz3d-bench[{extra}]' ({purpose})" if lacking else ""
        yield Check(f"extra {extra}", not lacking, found, fix, needed=False)


def _references() -> Iterator[Check]:
    from bench.references.library import list_references

    try:
        references = list_references()
    except BenchError as error:
        yield Check("reference sets", False, f"{error.message} ({error.where})", error.hint, needed=False)
        return
    for reference in references:
        yield Check(f"reference {reference.name}", True, "present")
    if not references:
        yield Check("reference sets", False, "none", "realiz3d-bench reference build NAME FOLDER", needed=False)


def _suites() -> Iterator[Check]:
    from bench.suite.load import shipped_suites

    suites = shipped_suites()
    yield Check("suites", bool(suites), ", ".join(suites) or "none", "" if suites else "reinstall realiz3d-bench")


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    enough = free >= NEEDED_GIB
    return Check(
        "disk",
        enough,
        f"{free:.1f} GiB free here",
        "" if enough else f"have {NEEDED_GIB} GiB free, or run with --out elsewhere",
        needed=False,
    )
