"""A transition table as a Mermaid state diagram, in the table's own order. A step that stays is not drawn."""

from collections.abc import Iterable, Mapping, Sequence

BEGINNING = END = "[*]"


def diagram(states: Iterable[str], steps: Iterable[tuple[str, str, str]], *, begins: str, ends: Iterable[str]) -> str:
    """steps: (from, label, to); steps between the same two states share an arrow. A label may be ''."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state}" as {_name(state)}' for state in states if _name(state) != state]
    lines.append(f"    {BEGINNING} --> {_name(begins)}")
    lines += [
        f"    {_name(source)} --> {_name(to)}" + (f" : {', '.join(labels)}" if any(labels) else "")
        for (source, to), labels in _arrows(steps).items()
    ]
    lines += [f"    {_name(state)} --> {END}" for state in ends]
    return "\n".join([*lines, "```"])


def _arrows(steps: Iterable[tuple[str, str, str]]) -> Mapping[tuple[str, str], Sequence[str]]:
    arrows: dict[tuple[str, str], list[str]] = {}
    for source, label, to in steps:
        if source != to:
            arrows.setdefault((source, to), []).append(label)
    return arrows


def _name(state: str) -> str:
    """Mermaid reads a hyphen in a state's name as part of an arrow."""
    return state.replace("-", "_")
