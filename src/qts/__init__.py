"""QTS takes a trading strategy from a file to live money, one governed step at a time.

The names a strategy author needs are handed on here, each imported when first
asked for, so that ``import qts`` costs almost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qts.app.runner import Runner
    from qts.app.submit_result import SubmitResult
    from qts.market.view import View
    from qts.strategy.intent import Intent, Targets, buy, close, protect, sell
    from qts.strategy.signals import SignalStrategy
    from qts.strategy.strategy import Strategy

__version__ = "0.1.0"

_HOME = {
    "Intent": "qts.strategy.intent",
    "Runner": "qts.app.runner",
    "SignalStrategy": "qts.strategy.signals",
    "Strategy": "qts.strategy.strategy",
    "SubmitResult": "qts.app.submit_result",
    "Targets": "qts.strategy.intent",
    "View": "qts.market.view",
    "buy": "qts.strategy.intent",
    "close": "qts.strategy.intent",
    "protect": "qts.strategy.intent",
    "sell": "qts.strategy.intent",
}
__all__ = [
    "Intent",
    "Runner",
    "SignalStrategy",
    "Strategy",
    "SubmitResult",
    "Targets",
    "View",
    "buy",
    "close",
    "protect",
    "sell",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'qts' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
