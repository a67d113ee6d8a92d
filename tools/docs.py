"""The generated pages: ``python -m tools.docs`` writes them, with ``--check`` it says which are stale (exit 1)."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tools import (
    cli_page,
    execution_states_page,
    gates_page,
    limits_page,
    metrics_page,
    order_lifecycle_page,
    requirements_page,
    safety_codes_page,
    worlds_page,
)
from tools.declared import DeclarationError
from tools.finding import PROJECT


def pages(root: Path) -> Mapping[str, str]:
    """Path under root -> the text that belongs there."""
    return {
        "docs/cli.md": cli_page.page(),
        "docs/execution-states.md": execution_states_page.render(),
        "docs/gates.md": gates_page.page(root),
        "docs/limits.md": limits_page.render(),
        "docs/metrics.md": metrics_page.render(),
        "docs/order-lifecycle.md": order_lifecycle_page.render(),
        "docs/policy.schema.json": worlds_page.schema(),
        "docs/requirements.md": requirements_page.page(root),
        "docs/safety-codes.md": safety_codes_page.page(root),
        "docs/worlds.md": worlds_page.render(),
    }


def stale(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Pages that are absent or say something else than they would say now."""
    return [
        path
        for path, text in wanted.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    try:
        wanted = pages(PROJECT)
    except DeclarationError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    old = stale(PROJECT, wanted)
    if arguments == ["--check"]:
        for path in old:
            print(f"{path} is stale\n  next: make docs, and commit the page", file=sys.stderr)
        return 1 if old else 0
    for path in old:
        (PROJECT / path).write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
