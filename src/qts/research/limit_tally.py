"""What each limit did in a run: how often, between when, and how deep it cut.

An order is judged as its strategy's, and what arbitration made of several as the
account's; each judging counts. A refusal from before the limits (a size that
cannot be worked out, margin that is not there) is counted by its code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from qts.domain.instant import Instant, format_instant
from qts.domain.money import on_money_grid, plain
from qts.risk.limit_words import GateWord, LimitWord
from qts.risk.limits import LimitName
from qts.risk.stages import StageWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A reduction. strategy_id: whose order it was; 'account' for one made of several.

    asked, allowed: base units; what the limit allows is not on the lot grid yet.
    """

    at: Instant
    strategy_id: str
    symbol: str
    asked: Decimal
    allowed: Decimal

    @property
    def share(self) -> Decimal:
        """What was taken off, a fraction of what was asked."""
        return 1 - self.allowed / self.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTally:
    """One limit of one book over the run. whose: a strategy's id or 'account'. largest_cut: None without reductions."""

    whose: str
    limit: LimitName
    warnings: int
    reductions: int
    blocks: int
    first: Instant
    last: Instant
    largest_cut: Cut | None

    @property
    def sentence(self) -> str:
        counts = ", ".join(
            f"{count} {word if count == 1 else word + 's'}"
            for count, word in ((self.warnings, "warning"), (self.reductions, "reduction"), (self.blocks, "block"))
            if count
        )
        when = format_instant(self.first)
        if self.last != self.first:
            when = f"first {when}, last {format_instant(self.last)}"
        cut = self.largest_cut
        deepest = (
            ""
            if cut is None
            else f"; the largest cut took {cut.share:.1%} off {cut.strategy_id}'s order on {cut.symbol} "
            f"({plain(cut.asked)} to {plain(on_money_grid(cut.allowed))}) at {format_instant(cut.at)}"
        )
        return f"{self.limit.value} of {self.whose}: {counts}; {when}{deepest}"

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        cut = self.largest_cut
        return {
            "limit": self.limit.value,
            "whose": self.whose,
            "warnings": self.warnings,
            "reductions": self.reductions,
            "blocks": self.blocks,
            "first": format_instant(self.first),
            "last": format_instant(self.last),
            "largest_cut": None
            if cut is None
            else {
                "at": format_instant(cut.at),
                "strategy_id": cut.strategy_id,
                "symbol": cut.symbol,
                "asked": cut.asked,
                "allowed": on_money_grid(cut.allowed),
                "share": f"{cut.share:.6f}",
            },
            "sentence": self.sentence,
        }


def tallies(words: Iterable[GateWord]) -> tuple[LimitTally, ...]:
    """Every limit that said anything, by book and then in the order limits are listed; the account's last."""
    found: dict[tuple[str, LimitName], list[tuple[GateWord, LimitWord]]] = {}
    for word in words:
        for said in word.limits:
            found.setdefault((said.whose, said.limit), []).append((word, said))
    order = list(LimitName)
    keys = sorted(found, key=lambda key: (key[0] == "account", key[0], order.index(key[1])))
    return tuple(_tally(whose, limit, found[whose, limit]) for whose, limit in keys)


def refused_before(words: Iterable[GateWord]) -> dict[str, int]:
    """How often an order was refused before it came to the limits, by code; the most frequent first."""
    counts: dict[str, int] = {}
    for word in words:
        if not word.limits:
            code = word.codes[0].value if word.codes else "not understood"
            counts[code] = counts.get(code, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _tally(whose: str, limit: LimitName, said: list[tuple[GateWord, LimitWord]]) -> LimitTally:
    def count(stage: StageWord) -> int:
        return sum(each.stage is stage for _, each in said)

    cuts = [
        Cut(at=word.at, strategy_id=word.strategy_id, symbol=word.symbol, asked=word.asked, allowed=each.allowed)
        for word, each in said
        if each.stage is StageWord.REDUCE
    ]
    return LimitTally(
        whose=whose,
        limit=limit,
        warnings=count(StageWord.WARN),
        reductions=count(StageWord.REDUCE),
        blocks=count(StageWord.BLOCK),
        first=min(word.at for word, _ in said),
        last=max(word.at for word, _ in said),
        largest_cut=max(cuts, key=lambda cut: (cut.share, -cut.at), default=None),
    )
