"""``--param name=value`` options."""

from qts.domain.errors import UsageError


def parameters(given: list[str] | None) -> dict[str, object]:
    """Names and texts; the strategy reads each text as the type its field declares."""
    found: dict[str, object] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {item!r} is not of the form name=value", next_step="write --param fast=20")
        if name in found:
            raise UsageError(f"--param {name} was given twice")
        found[name] = value
    return found
