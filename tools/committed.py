"""What may not be committed: machine paths, registry hosts, download addresses, unfinished words."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.finding import Finding

_MACHINE_PATH = re.compile(r"(?<![\w.~)\]}$*-])/(?:work|root|tmp|home|Users|mnt|private)/")
_REGISTRY = re.compile(r"pypi\.(?:org|io)|pythonhosted|registry\.npm|npmjs|/simple/|(?:extra-)?index-url|find-links")
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+]*:/{2}[^\s'\"<>)`]*")
_UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")

# Names that look like addresses and fetch nothing: XML namespaces, schema ids, our own and databases' schemes.
_NAMES = re.compile(
    r"(?:qts|sqlite|postgresql)(?:\+\w+)?:|https?:/{2}(?:www\.w3\.org/|json-schema\.org/|localhost\b|127\.0\.0\.1\b)"
)


def committed_files(root: Path) -> list[Path]:
    """Files git tracks or would track. Fails where git cannot answer: a guard that cannot run must not pass."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [root / name for name in sorted(set(listed.split("\0"))) if name and (root / name).is_file()]


def unfit_to_commit(root: Path) -> Iterator[Finding]:
    """Lines that would embarrass or break elsewhere. Prose (Markdown) may cite an address, nothing else may."""
    for file in committed_files(root):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        path = file.relative_to(root).as_posix()
        if path == "tools/committed.py":  # it has to spell out what it looks for
            continue
        for number, line in enumerate(lines, start=1):
            for rule, words in _faults(line, is_prose=file.suffix == ".md"):
                yield Finding(path=path, line=number, rule=rule, words=words)


def _faults(line: str, *, is_prose: bool) -> Iterator[tuple[str, str]]:
    if found := _MACHINE_PATH.search(line):
        yield "machine-path", f"{found[0]}... exists on one machine only"
    if found := _REGISTRY.search(line):
        yield "registry", f"{found[0]}: where packages come from is the machine's business"
    if not is_prose:
        for found in _ADDRESS.finditer(line):
            if not _NAMES.match(found[0]):
                yield "address", f"{found[0]}: nothing is fetched by an address written in code"
    if found := _UNFINISHED.search(line):
        yield "unfinished", f"{found[0]}: finish it, or write the decision down"
