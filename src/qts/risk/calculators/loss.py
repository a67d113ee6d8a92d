"""What has been lost: since the UTC day began, and from the peak. A gain counts as no loss.

A book that was never marked has no day and no peak to measure from; then the
loss is not known, and nothing increases.
"""

from decimal import Decimal

from qts.domain.money import ZERO
from qts.risk.limit_facts import Look
from qts.risk.limits import LimitName, Measured, measured, share


def loss(look: Look) -> tuple[Measured, ...]:
    """An order changes nothing in it: what matters is what the book is worth now."""
    policy, memory, equity = look.policy, look.memory, look.book.equity
    began = memory.day_start_at(look.now)
    peak = None if memory.peak is None else max(memory.peak, equity)
    return (
        measured(
            LimitName.DAILY_LOSS,
            look.book.whose,
            value=_lost(began, equity),
            bound=policy.daily_loss_block,
            warn=policy.daily_loss_warn,
            base=began,
        ),
        measured(
            LimitName.DRAWDOWN,
            look.book.whose,
            value=_lost(peak, equity),
            bound=policy.drawdown_block,
            warn=policy.drawdown_warn,
            base=peak,
        ),
    )


def _lost(base: Decimal | None, equity: Decimal) -> Decimal | None:
    return None if base is None else share(max(ZERO, base - equity), base)
