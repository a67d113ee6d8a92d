"""An operator's script: words said to a run of several strategies at instants fixed beforehand.

A word is said at the first bar close at or after its instant, in the order of
instants and then of the script, before the strategies are asked on that close.
What trades because of it fills from the next open on, like any order. Earlier
words are looked at first, so that a word finds what came of those before it.

Words about the account and its symbols are news to the machine, by the door that
paper and live use. What of them concerns the strategies' books is done here.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from qts.domain.errors import StrategyError
from qts.domain.instant import Instant
from qts.domain.money import ZERO, exact_arithmetic, plain
from qts.domain.order import OrderType, Side
from qts.domain.virtual_books import QUARANTINE, Posting, PostingKind
from qts.execution.account import ExecutionAccount
from qts.execution.events import OperatorSaid, OperatorVerb, SendOutcome
from qts.risk.safety_state import SafetyState
from qts.simulation.account_line import AccountLine
from qts.simulation.guardian import Guardian
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_withdrawing import JointWithdrawing
from qts.simulation.operator_words import Outcome, Verb, Word, WordTold
from qts.simulation.transfers import Transfers
from qts.strategy.registry import Standing, StrategyRegistry

_MACHINE: Final = {
    Verb.FLATTEN: OperatorVerb.ESCAPE,
    Verb.ACKNOWLEDGE: OperatorVerb.ACKNOWLEDGE,
    Verb.PAUSE: OperatorVerb.PAUSE,
    Verb.RESUME: OperatorVerb.RESUME,
    Verb.KILL: OperatorVerb.KILL,
}
_Answer: TypeAlias = tuple[Outcome, str]
"""What became of a word at once; None where its trades are still to come."""
_DONE, _NOTHING, _REFUSED, _OPEN = Outcome.DONE, Outcome.NOTHING, Outcome.REFUSED, Outcome.OPEN


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A word whose trades are not all made. since: how many postings each of its symbols had when it was said."""

    word: Word
    said_at: Instant
    since: Mapping[str, int]
    client_id: str = ""


class OperatorScript:
    """words: in any order. Everything else is the run's, and is changed by the words alone."""

    def __init__(
        self,
        words: Iterable[Word],
        symbols: Mapping[str, JointSymbol],
        registry: StrategyRegistry,
        guardian: Guardian,
        line: AccountLine,
        *,
        transfers: Transfers,
        withdrawing: JointWithdrawing,
    ) -> None:
        self._waiting = deque(sorted(words, key=lambda word: (word.at, word.number)))
        self._symbols = symbols
        self._registry = registry
        self._guardian = guardian
        self._transfers = transfers
        self._withdrawing = withdrawing
        self._line = line
        self._under_way: list[_UnderWay] = []
        self._told: dict[int, WordTold] = {}
        self._now: Instant = 0
        self._says: Mapping[Verb, Callable[[Word], _Answer | None]] = {
            Verb.DISABLE: self._disable,
            Verb.ENABLE: self._enable,
            Verb.CLOSE: self._close,
            Verb.FLATTEN: self._flatten,
            Verb.FLATTEN_QUARANTINE: self._clear,
            Verb.ACKNOWLEDGE: self._acknowledge,
            Verb.PAUSE: self._pause,
            Verb.RESUME: self._resume,
            Verb.KILL: self._kill,
            Verb.TRANSFER: self._transfer,
            Verb.FOREIGN_TRADE: self._foreign_trade,
        }

    def at_close(self, now: Instant) -> None:
        """Look at what is under way, then say what is due."""
        if not self._under_way and not (self._waiting and self._waiting[0].at <= now):
            return
        with exact_arithmetic():
            self._now = now
            self._settle()
            while self._waiting and self._waiting[0].at <= now:
                self._say(self._waiting.popleft())

    def told(self) -> tuple[WordTold, ...]:
        """What became of every word, in the order of the script."""
        with exact_arithmetic():
            ended = {
                each.word.number: WordTold(each.word, each.said_at, None, _OPEN, self._words_of(each))
                for each in self._under_way
            }
        never = {each.number: WordTold(each, None, None, _OPEN, "the run ended first") for each in self._waiting}
        found = self._told | ended | never
        return tuple(found[number] for number in sorted(found))

    # -- saying ---------------------------------------------------------------------------

    def _say(self, word: Word) -> None:
        answer = self._says[word.verb](word)
        if answer is not None:
            self._told[word.number] = WordTold(word, self._now, self._now, *answer)

    def _disable(self, word: Word) -> _Answer:
        standing = self._registry.standing(word.subject)
        if standing is not Standing.ENABLED:
            return _NOTHING, f"it was {standing.value} already"
        self._registry.disable(word.subject)
        self._guardian.takes(word.subject, "an operator disabled it")
        return _DONE, f"asked no more; it holds {self._holdings(word.subject)}"

    def _enable(self, word: Word) -> _Answer:
        standing = self._registry.standing(word.subject)
        if standing is Standing.ENABLED:
            return _NOTHING, "it was enabled already"
        try:
            self._registry.enable(word.subject)
        except StrategyError as error:
            return _REFUSED, error.cause
        self._guardian.returns(word.subject)
        return _DONE, f"was {standing.value}; asked again, as a new instance; it holds {self._holdings(word.subject)}"

    def _close(self, word: Word) -> _Answer | None:
        if self._registry.standing(word.subject) is Standing.ENABLED:
            return _REFUSED, "it is enabled, and would only enter again: disable it first"
        self._guardian.closes(word.subject)
        return self._begin(word, self._registry.symbols(word.subject))

    def _flatten(self, word: Word) -> _Answer | None:
        return self._leave(word, (word.subject,))

    def _kill(self, word: Word) -> _Answer | None:
        answer = self._leave(word, self._symbols)
        return answer and (_DONE, "nothing was held; the account is locked down")

    def _leave(self, word: Word, symbols: Iterable[str]) -> _Answer | None:
        for symbol in symbols:
            self._symbols[symbol].drop_entries(lambda _: False)
            self._symbols[symbol].flattening = not self._symbols[symbol].is_flat
            self._withdrawing.flattened(symbol)
        self._tell_machine(word)
        return self._begin(word, symbols)

    def _clear(self, word: Word) -> _Answer | None:
        self._guardian.clears(word.subject)
        return self._begin(word, (word.subject,))

    def _acknowledge(self, word: Word) -> _Answer:
        account = self._account
        if word.subject not in account.foreign and word.subject not in account.safety.quarantined:
            return _NOTHING, "there was nothing to acknowledge"
        self._tell_machine(word)
        return _DONE, "it may be traded again"

    def _pause(self, word: Word) -> _Answer:
        if self._account.paused:
            return _NOTHING, "it was paused already"
        self._tell_machine(word)
        return _DONE, "nothing is opened; orders that waited to open something were withdrawn"

    def _resume(self, word: Word) -> _Answer:
        account = self._account
        if not account.paused and account.safety.state.may_increase and not account.safety.halted_strategies:
            return _NOTHING, "it was not stopped"
        self._tell_machine(word)
        if account.safety.state is SafetyState.LOCKDOWN:
            return _REFUSED, "a lockdown is released only for a reason: say why"
        return _DONE, "it trades again"

    def _transfer(self, word: Word) -> _Answer:
        assert word.amount is not None
        no = self._transfers.make(word.subject, word.target, word.amount, self._now)
        if no is not None:
            return _REFUSED, no
        left, there = (plain(self._transfers.pool_of(each)) for each in (word.subject, word.target))
        return _DONE, f"{word.subject} has {left} now, {word.target} has {there}"

    def _foreign_trade(self, word: Word) -> _Answer | None:
        assert word.side is not None
        assert word.quantity is not None
        venue = self._symbols[word.subject].venue
        answer = venue.foreign_order(word.side, OrderType.MARKET, word.quantity, None, self._now)
        if answer.outcome is not SendOutcome.ACCEPTED:
            return _REFUSED, f"the venue does not take it: {answer.reason}"
        self._under_way.append(_UnderWay(word, self._now, {}, answer.client_id))
        return None

    def _begin(self, word: Word, symbols: Iterable[str]) -> _Answer | None:
        """The word is under way, unless there is nothing that it asks for."""
        begun = _UnderWay(word, self._now, {symbol: len(self._symbols[symbol].postings) for symbol in symbols})
        if self._is_over(begun):
            return _NOTHING, "nothing was held"
        self._under_way.append(begun)
        return None

    def _tell_machine(self, word: Word) -> None:
        symbol = word.subject if word.subject in self._symbols else ""
        self._line.tell(OperatorSaid(_MACHINE[word.verb], word.who, word.why, symbol))

    # -- what becomes of it -----------------------------------------------------------------

    def _settle(self) -> None:
        for each in self._symbols.values():
            if each.flattening and each.symbol not in self._account.escaping:
                self._settle_flattening(each)
        for under_way in tuple(self._under_way):
            if self._is_over(under_way):
                self._under_way.remove(under_way)
                done = _REFUSED if self._came_to_nothing(under_way) else _DONE
                detail = self._words_of(under_way)
                self._told[under_way.word.number] = WordTold(under_way.word, under_way.said_at, self._now, done, detail)

    def _is_over(self, under_way: _UnderWay) -> bool:
        word = under_way.word
        match word.verb:
            case Verb.CLOSE | Verb.FLATTEN_QUARANTINE:
                whose = word.subject if word.verb is Verb.CLOSE else QUARANTINE
                return not any(self._symbols[each].books.books[whose].position for each in under_way.since)
            case Verb.FOREIGN_TRADE:
                return not self._symbols[word.subject].venue.orders.latest[under_way.client_id].is_open
        return not any(self._symbols[each].flattening for each in under_way.since)

    def _settle_flattening(self, each: JointSymbol) -> None:
        """The way out has ended: with every book flat, or because a stop or somebody else took the net there first.

        Books on a flat net close at the next open. On one that is not flat any more the way out begins anew;
        but what came to flat books is no business of the word.
        """
        held = any(book.position for whose, book in each.books.books.items() if whose != QUARANTINE)
        if not each.venue.book.position:
            each.flattening = not each.is_flat
        elif held:
            word = next(begun.word for begun in self._under_way if _flattens(begun, each.symbol))
            self._line.tell(OperatorSaid(OperatorVerb.ESCAPE, word.who, word.why, each.symbol))
        else:
            each.flattening = False

    def _came_to_nothing(self, under_way: _UnderWay) -> bool:
        return under_way.word.verb is Verb.FOREIGN_TRADE and not self._foreign_fills(under_way)

    # -- in words -------------------------------------------------------------------------------

    @property
    def _account(self) -> ExecutionAccount:
        return self._line.controller.account

    def _holdings(self, strategy_id: str) -> str:
        held = {
            symbol: self._symbols[symbol].books.books[strategy_id].position
            for symbol in self._registry.symbols(strategy_id)
        }
        return ", ".join(f"{plain(size)} {symbol}" for symbol, size in held.items() if size) or "nothing"

    def _words_of(self, under_way: _UnderWay) -> str:
        """'SYNUSDT at 345.2: fade +1, trend -2', for every symbol and price."""
        if under_way.word.verb is Verb.FOREIGN_TRADE:
            return self._words_of_foreign(under_way)
        sums: dict[tuple[str, Decimal], dict[str, Decimal]] = {}
        for symbol, since in under_way.since.items():
            for _, posting in self._symbols[symbol].postings[since:]:
                if posting.quantity and _belongs(posting, under_way.word):
                    here = sums.setdefault((symbol, posting.price), {})
                    here[posting.strategy_id] = here.get(posting.strategy_id, ZERO) + posting.quantity
        told = [
            f"{symbol} at {plain(price)}: {', '.join(f'{whose} {_signed(here[whose])}' for whose in sorted(here))}"
            for (symbol, price), here in sums.items()
        ]
        return "; ".join(told) or "nothing was traded"

    def _foreign_fills(self, under_way: _UnderWay) -> list[tuple[Side, Decimal, Decimal]]:
        fills = self._symbols[under_way.word.subject].venue.fills
        return [(each.side, each.quantity, each.price) for each in fills if each.order_id == under_way.client_id]

    def _words_of_foreign(self, under_way: _UnderWay) -> str:
        fills = self._foreign_fills(under_way)
        if fills:
            made = ", ".join(f"{_signed(side.sign * size)} at {plain(price)}" for side, size, price in fills)
            return f"{made}, in quarantine; nothing is opened on {under_way.word.subject} until it is acknowledged"
        refusals = self._symbols[under_way.word.subject].venue.refusals
        reasons = [each.detail for each in refusals if each.order_id == under_way.client_id]
        return f"the account does not carry it: {reasons[0]}" if reasons else "nothing was traded"


def _flattens(under_way: _UnderWay, symbol: str) -> bool:
    return under_way.word.verb in (Verb.FLATTEN, Verb.KILL) and symbol in under_way.since


def _belongs(posting: Posting, word: Word) -> bool:
    match word.verb:
        case Verb.CLOSE:
            return posting.strategy_id == word.subject
        case Verb.FLATTEN_QUARANTINE:
            return posting.strategy_id == QUARANTINE
    return posting.kind is PostingKind.FLATTEN


def _signed(quantity: Decimal) -> str:
    return f"+{plain(quantity)}" if quantity > ZERO else plain(quantity)
