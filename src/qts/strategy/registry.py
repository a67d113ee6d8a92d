"""Which strategies there are, on which symbols, and which of them may speak.

A strategy is registered with a function that makes it, and gets one instance per
symbol, since a strategy keeps its state per market. State that instances or
strategies would share is refused here (``shared_state.py``). Whatever iterates
does so by id and then symbol, so the order of registration changes nothing.

A strategy is enabled, disabled or halted. A disabled or halted one is neither
asked nor told; when it is enabled again, by name, it gets new instances, since
what the old ones remember has missed bars and fills. The registry does not ask
strategies anything; the multiplexer does.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from qts.domain.errors import StrategyError, did_you_mean
from qts.domain.plain_enum import plain_members
from qts.strategy.blame import own_line, told_briefly
from qts.strategy.shared_state import refuse_shared_code, refuse_shared_objects
from qts.strategy.strategy import Strategy

STRATEGIES_MAX: Final = 1_000
SYMBOLS_MAX: Final = 500
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,31}")

Make: TypeAlias = Callable[[], Strategy]
Key: TypeAlias = tuple[str, str]
"""Strategy id and symbol."""


@plain_members
class Standing(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    HALTED = "halted"


class Seat:
    """One instance on one symbol.

    context: what the instance does to the decimal context, numpy's error state
    or any other context variable stays in here. asked: how often it was asked.
    """

    __slots__ = ("asked", "context", "key", "started", "strategy", "warmup")

    def __init__(self, key: Key, strategy: Strategy) -> None:
        self.key = key
        self.strategy = strategy
        self.warmup = _warmup_of(key[0], strategy)
        self.renew()

    def renew(self) -> None:
        """As before a first run; the instance resets itself in ``on_start``."""
        self.context = Context()
        self.asked = 0
        self.started = False


@dataclass(frozen=True, slots=True)
class _Entry:
    make: Make
    symbols: tuple[str, ...]
    standing: Standing
    why: str
    seats: tuple[Seat, ...]


class StrategyRegistry:
    """The strategies of one account. ``version`` rises with every change."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._by_key: dict[Key, Seat] = {}
        self.version = 0

    def register(self, strategy_id: str, make: Make, symbols: Iterable[str]) -> None:
        """Enter a strategy, enabled.

        make: gives a new instance each time; called once per symbol and once more.
        Raises StrategyError for an id or symbol out of grammar or taken, for what
        ``make`` gives when it is no new Strategy fit for the symbols, and for shared
        state. The registry is then as it was.
        """
        if not isinstance(strategy_id, str) or _ID.fullmatch(strategy_id) is None:
            raise StrategyError(
                f"a strategy id is 1 to 24 of a-z, 0-9 and '-', not beginning with '-'; not {strategy_id!r}",
                next_step="it becomes part of order ids and file names: choose a short one, such as 'trend-4h'",
            )
        if strategy_id in self._entries:
            raise StrategyError(
                f"there is a strategy {strategy_id!r} already",
                next_step="choose another id, or unregister the first",
            )
        if len(self._entries) >= STRATEGIES_MAX:
            raise StrategyError(f"there are {STRATEGIES_MAX} strategies already, the most one account holds")
        wanted = _checked_symbols(strategy_id, symbols)
        seats = _seated(strategy_id, make, wanted)
        self._put(strategy_id, _Entry(make, wanted, Standing.ENABLED, "", seats))

    def unregister(self, strategy_id: str) -> None:
        """Raises StrategyError for an unknown id, as every method below."""
        self._entry(strategy_id)
        del self._entries[strategy_id]
        self._changed()

    def enable(self, strategy_id: str) -> None:
        """Let it speak from the next bar on, with new instances unless it is enabled already."""
        entry = self._entry(strategy_id)
        if entry.standing is Standing.ENABLED:
            return
        seats = _seated(strategy_id, entry.make, entry.symbols)
        self._put(strategy_id, _Entry(entry.make, entry.symbols, Standing.ENABLED, "", seats))

    def disable(self, strategy_id: str) -> None:
        """Stop asking it, on somebody's wish; a halted one stays halted."""
        if self._entry(strategy_id).standing is Standing.ENABLED:
            self._silence(strategy_id, Standing.DISABLED, "")

    def halt(self, strategy_id: str, why: str) -> None:
        """Stop asking it because of a fault; the first reason stays."""
        if self._entry(strategy_id).standing is not Standing.HALTED:
            self._silence(strategy_id, Standing.HALTED, why)

    def standing(self, strategy_id: str) -> Standing:
        return self._entry(strategy_id).standing

    def why_halted(self, strategy_id: str) -> str:
        """'' for one that is not halted."""
        return self._entry(strategy_id).why

    def symbols(self, strategy_id: str) -> tuple[str, ...]:
        return self._entry(strategy_id).symbols

    @property
    def ids(self) -> tuple[str, ...]:
        """Every registered id, sorted."""
        return tuple(sorted(self._entries))

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The seats of all enabled strategies, by id and then symbol."""
        return tuple(seat for _, seat in sorted(self._by_key.items()))

    @property
    def by_key(self) -> Mapping[Key, Seat]:
        """The same seats by strategy id and symbol."""
        return MappingProxyType(self._by_key)

    def _silence(self, strategy_id: str, standing: Standing, why: str) -> None:
        entry = self._entries[strategy_id]
        self._put(strategy_id, _Entry(entry.make, entry.symbols, standing, why, ()))

    def _put(self, strategy_id: str, entry: _Entry) -> None:
        self._entries[strategy_id] = entry
        self._changed()

    def _changed(self) -> None:
        self._by_key = {seat.key: seat for entry in self._entries.values() for seat in entry.seats}
        self.version += 1

    def _entry(self, strategy_id: str) -> _Entry:
        if strategy_id not in self._entries:
            raise StrategyError(
                f"there is no strategy {strategy_id!r}.{did_you_mean(strategy_id, self._entries)}",
                next_step=f"registered are: {', '.join(self.ids) or 'none'}",
            )
        return self._entries[strategy_id]


def _checked_symbols(strategy_id: str, symbols: Iterable[str]) -> tuple[str, ...]:
    wanted = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    bad = [each for each in wanted if not isinstance(each, str) or _SYMBOL.fullmatch(each) is None]
    if bad or not 0 < len(wanted) <= SYMBOLS_MAX or len(set(wanted)) != len(wanted):
        raise StrategyError(
            f"{strategy_id}: symbols must be 1 to {SYMBOLS_MAX} different names, not {(bad or list(wanted))[:5]!r}",
            next_step="name what it trades, such as BTCUSDT",
        )
    return tuple(sorted(wanted))


def _seated(strategy_id: str, make: Make, symbols: tuple[str, ...]) -> tuple[Seat, ...]:
    """New instances, one per symbol; one more is made and looked at, so that a single symbol hides nothing."""
    made = [_made(strategy_id, make) for _ in (*symbols, "one more")]
    for kind in dict.fromkeys([type(each) for each in made]):
        refuse_shared_code(kind, [each for each in made if type(each) is kind])
        elsewhere = [symbol for symbol in symbols if kind.symbols and symbol not in kind.symbols]
        if elsewhere:
            raise StrategyError(
                f"{strategy_id}: {kind.__name__} is made for {', '.join(kind.symbols)}, not for {', '.join(elsewhere)}",
                next_step="register it for its own symbols, or remove symbols from the class",
            )
    refuse_shared_objects(strategy_id, made)
    return tuple(Seat((strategy_id, symbol), each) for symbol, each in zip(symbols, made, strict=False))


def _made(strategy_id: str, make: Make) -> Strategy:
    try:
        made = Context().run(make)
    except (Exception, SystemExit) as error:
        raise StrategyError(
            f"{strategy_id}: making it raised {told_briefly(error)}",
            place=own_line(error, getattr(make, "__module__", "")),
            next_step="give a function that makes the strategy, such as the class itself",
        ) from error
    if not isinstance(made, Strategy):
        raise StrategyError(
            f"{strategy_id}: make gave a {type(made).__name__}, not a Strategy",
            next_step="give a function that makes a new strategy each time, such as the class itself",
        )
    return made


def _warmup_of(strategy_id: str, strategy: Strategy) -> int:
    warmup = strategy.warmup
    if type(warmup) is not int or warmup < 0:
        raise StrategyError(f"{strategy_id}: warmup must be a whole number of bars, 0 or more, not {warmup!r}")
    return warmup
