"""What a person may say to the machine. Stopping takes a word; starting again a name, and after a kill a reason."""

from qts.domain.instant import Instant
from qts.domain.safety_code import SafetyCode
from qts.execution.account import ExecutionAccount
from qts.execution.contracts import EscapeReason, ExecutionAlert
from qts.execution.doubts import Doubts
from qts.execution.escapes import Escapes
from qts.execution.events import OperatorSaid, OperatorVerb
from qts.execution.loop import ExecutionLoop


class Operator:
    def __init__(self, account: ExecutionAccount, escapes: Escapes, doubts: Doubts, loop: ExecutionLoop) -> None:
        self._account = account
        self._escapes = escapes
        self._doubts = doubts
        self._loop = loop

    def said(self, word: OperatorSaid, now: Instant) -> None:
        account = self._account
        symbols = tuple(each for each in account.settings.instruments if word.symbol in ("", each))
        match word.verb:
            case OperatorVerb.PAUSE:
                account.paused = account.restricted = True
            case OperatorVerb.RESUME:
                if account.safety.resumed(word.who, word.why, now) is None:
                    account.paused = False
                    account.killed.clear()
                    self._loop.resume()
            case OperatorVerb.ACKNOWLEDGE:
                for symbol in symbols:
                    self._doubts.acknowledge(symbol)
                    account.safety.released(symbol, word.who, now)
            case OperatorVerb.ESCAPE:
                self._leave(symbols, now)
            case OperatorVerb.KILL:
                detail = f"{word.who}: {word.why}" if word.why else word.who
                self._loop.killed = True
                account.alert(ExecutionAlert(SafetyCode.FS104, "account", "operator", detail), now)
                symbols = symbols or tuple(account.settings.instruments)  # of a name nobody knows: everything
                account.killed.update(dict.fromkeys(symbols))
                self._leave(symbols, now)

    def _leave(self, symbols: tuple[str, ...], now: Instant) -> None:
        for symbol in symbols:
            self._loop.forget(symbol)
            self._escapes.begin(symbol, EscapeReason.MANUAL, now)
