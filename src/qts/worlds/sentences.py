"""Numbers in words a person reads: the metric's title, its unit, and how far off it is."""

from qts.research.definition import Unit
from qts.research.definitions import DEFINITIONS
from qts.worlds.policy_validation import HALF_SHARPE_GAP, Bound

_DIGITS_MAX = 12


def title_of(metric: str) -> str:
    if metric == HALF_SHARPE_GAP:
        return "Sharpe gap between the halves"
    return DEFINITIONS[metric].title if metric in DEFINITIONS else metric


def say(metric: str, value: float, digits: int = 0) -> str:
    """The value in its unit: '0.12', '25 %', '73'. digits: decimals beyond the usual ones."""
    unit = DEFINITIONS[metric].unit if metric in DEFINITIONS else Unit.RATIO
    match unit:
        case Unit.FRACTION | Unit.FRACTION_ANNUAL | Unit.PROBABILITY:
            return f"{_short(value * 100, 1 + digits)} %"
        case Unit.DAYS | Unit.COUNT | Unit.TIMES_PER_YEAR:
            return _short(value, 1 + digits)
        case Unit.RATIO | Unit.RATIO_ANNUAL:
            return f"{value:.{2 + digits}f}"


def compared(metric: str, value: float, limit: float, bound: Bound) -> tuple[str, float | None]:
    """The comparison as a sentence, and how far on the wrong side the value is (None when it is on the right one)."""
    short = limit - value if bound is Bound.AT_LEAST else value - limit
    digits = 0
    while value != limit and say(metric, value, digits) == say(metric, limit, digits) and digits < _DIGITS_MAX:
        digits += 1  # never "0.80 is below 0.80"
    told = f"{title_of(metric)} {say(metric, value, digits)}"
    wanted = say(metric, limit, digits)
    if short <= 0:
        return f"{told} is {bound} {wanted}", None
    side, far = ("below", "short") if bound is Bound.AT_LEAST else ("above", "over")
    return f"{told} is {side} {wanted}, {far} by {say(metric, short, digits)}", short


def no_edge(chance: float, wanted: float, trials: int) -> str:
    """What a failed deflated Sharpe ratio means, for somebody who has never heard of one."""
    digits = 0
    while say("dsr", chance, digits) == say("dsr", wanted, digits) and digits < _DIGITS_MAX:
        digits += 1
    tries = "1 trial" if trials == 1 else f"{trials} trials"
    return (
        f"after {tries}, the chance that this Sharpe ratio is better than luck is {say('dsr', chance, digits)}; "
        f"the world wants {say('dsr', wanted, digits)}: no evidence of an edge"
    )


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
