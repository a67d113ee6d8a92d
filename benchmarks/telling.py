"""A figure told: each contender's number, what it is worth against the targets, and whether the answers agree."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.figure import Figure, Target
from benchmarks.taking import Taken

_CENT = 0.005


def markdown(figure: Figure, taken: Sequence[Taken]) -> str:
    return "\n".join([f"### {figure.title}", "", *_numbers(figure, taken), "", *_verdicts(figure, taken), ""])


def _numbers(figure: Figure, taken: Sequence[Taken]) -> Iterator[str]:
    traded = figure.reference != ""
    yield f"| contender | {figure.quantity.value} | lowest to highest |" + (
        " trades | final equity |" if traded else ""
    )
    yield "| --- | ---: | ---: |" + (" ---: | --- |" if traded else "")
    for one in taken:
        if one.value is None or one.lowest is None or one.highest is None:
            yield f"| {one.contender} | not taken: {one.absent} | |" + (" | |" if traded else "")
            continue
        row = f"| {one.contender} | {number(one.value)} | {number(one.lowest)} to {number(one.highest)} |"
        yield row + (f" {one.trades if one.trades is not None else ''} | {_equity(figure, one, taken)} |" * traded)
    for name, note in figure.notes.items():
        yield f"\n{name}: {note}."


def _equity(figure: Figure, one: Taken, taken: Sequence[Taken]) -> str:
    if one.equity is None or figure.reference == "":
        return ""
    own = next(each.equity for each in taken if each.contender == figure.reference)
    reference = own if figure.expected_equity is None else figure.expected_equity
    if reference is None or abs(one.equity - reference) < _CENT:
        return f"{one.equity:.4f}"
    cause = next(contender.cause for contender in figure.contenders if contender.name == one.contender)
    return f"{one.equity:.4f}: {cause or '**disagrees, cause unknown**'}"


def _verdicts(figure: Figure, taken: Sequence[Taken]) -> Iterator[str]:
    values = {one.contender: one.value for one in taken}
    if figure.targets:
        yield "| target | measured | aim | floor | |"
        yield "| --- | ---: | ---: | ---: | --- |"
    for target in figure.targets:
        unit = "x" if target.is_ratio else f" {figure.quantity.value}"
        what = target.subject + (f" against {target.against}" if target.is_ratio else "")
        measured = measure(figure, target, values)
        shown = "not taken" if measured is None else f"{measured:.3g}{unit}"
        floor = "" if target.floor is None else f"{target.floor:g}{unit}"
        yield (
            f"| {target.requirement}: {what} | {shown} | {target.aim:g}{unit} | {floor} "
            f"| {standing(figure, target, measured)} |"
        )


def measure(figure: Figure, target: Target, values: Mapping[str, float | None]) -> float | None:
    """The number a target is held against: a ratio in which more is better, or the subject's own number."""
    own = values[target.subject]
    if not target.is_ratio:
        return own
    peer = values[target.against]
    if own is None or peer is None:
        return None
    return peer / own if figure.quantity.less_is_better else own / peer


def standing(figure: Figure, target: Target, measured: float | None) -> str:
    if measured is None:
        return "not taken"
    side = -1 if figure.quantity.less_is_better and not target.is_ratio else 1
    if side * measured >= side * target.aim:
        return "aim reached"
    if target.floor is None:
        return "**aim missed**"
    return "floor reached" if side * measured >= side * target.floor else "**below the floor**"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def disagreements(figure: Figure, taken: Sequence[Taken]) -> list[str]:
    """Contenders whose money differs from the reference for no known cause."""
    return [one.contender for one in taken if "cause unknown" in _equity(figure, one, taken)]
