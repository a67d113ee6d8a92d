"""What must come true while no fault is at work: looked at every 4.7 seconds, and held against the venue's truth.

After the last fault for two minutes, and before it whenever the faults have been quiet for one.

One look may fall into a change that is under way; what is wrong for longer than
its bound is a violation.
"""

from typing import Any

from qts.domain.money import ZERO
from qts.domain.order import OrderType
from qts.domain.order_lifecycle import OrderState
from qts.execution.contracts import ExecutionState, Role
from tests.simulation.campaign.oracle import Oracle
from tests.simulation.campaign.plant import Machine

# How long something may be wrong, ms, in the liveness phase (reliability 3.2).
BOUNDS = {
    "LIV-01": 30_000,  # naked
    "LIV-02": 30_000,  # another position or other orders than the venue
    "LIV-04": 60_000,  # an order of unknown outcome
    "LIV-05": 10_000,  # a protective order that protects nothing
    "LIV-06": 30_000,  # not flat after a kill
    "LIV-12": 60_000,  # an order of something that was withdrawn
    "INV-10": 15_000,  # an exit that nobody sends
    "INV-27": 30_000,  # more stops or targets than two
}


class Liveness:
    """killed: the account has to be flat."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self.killed = False
        self._since: dict[tuple[str, str], int] = {}

    def look_away(self) -> None:
        """What is wrong now may be the faults' doing: all bounds begin anew."""
        self._since.clear()

    def look(  # noqa: C901, PLR0912 - one look, all of it
        self, machine: Machine, now: int
    ) -> None:
        oracle, truth = self._oracle, self._oracle.truth
        oracle._now = now
        wrong: dict[tuple[str, str], str] = {}
        symbols = sorted(set(truth.position) | set(truth.open))
        for symbol in symbols:
            position = truth.position.get(symbol, ZERO)
            known = oracle.position.get(symbol, ZERO)
            if known != position:
                wrong["LIV-02", symbol] = f"{symbol}: {known} by the rows, {position} at the venue"
            if not truth.covered(symbol) and symbol not in truth.foreign_since_flat:
                wrong["LIV-01", symbol] = f"{symbol}: {position} and no stop that covers it"
            stops = truth.live(symbol, Role.STOP_LOSS)
            targets = truth.live(symbol, Role.TAKE_PROFIT)
            if position == 0 and (stops or targets):
                wrong["LIV-05", (*stops, *targets)[0].order.client_id] = (
                    f"{symbol} is flat and has {[x.order.client_id for x in (*stops, *targets)]}"
                )
            if len(stops) > 2 or len(targets) > 2:
                wrong["INV-27", symbol] = f"{symbol} has {len(stops)} stops and {len(targets)} targets"
            if self.killed and position != 0:
                wrong["LIV-06", symbol] = f"{symbol}: {position} after a kill"
            venue_has = {name for name, each in truth.open.get(symbol, {}).items() if each.live}
            machine_has = {r.order.client_id for r in machine.account.orders.live(symbol)}
            if venue_has != machine_has:
                text = f"{symbol}: the venue works {sorted(venue_has)}, the machine {sorted(machine_has)}"
                wrong["LIV-02", f"{symbol} orders"] = text
            for record in machine.account.orders.live(symbol):
                if record.state in (OrderState.UNKNOWN, OrderState.SUBMITTED):
                    wrong["LIV-04", record.order.client_id] = f"{record.order.client_id} is {record.state}"
        for client_id in oracle.withdrawals.at_work(truth):
            wrong["LIV-12", client_id] = f"{client_id} works, and what it is for was withdrawn"
        for parent, text in _waiting_exits(machine).items():
            wrong["INV-10", parent] = text
        if machine.due is None and wrong:
            oracle.fail("LIV-11", f"nothing is waited for, and {next(iter(wrong.values()))}")
        self._since = {key: self._since.get(key, now) for key in wrong}
        for key, text in wrong.items():
            lasts = now - self._since[key]
            if lasts >= BOUNDS[key[0]]:
                oracle.fail(key[0], f"{text}, {lasts} ms long")


def every_execution_is_over(oracle: Oracle, machine: Machine) -> None:
    """LIV-09. The plan's last parent has to be done 160 s before the faults end."""
    for execution in _executions(machine):
        oracle.fail("LIV-09", f"{execution.id} is still {execution.state}, since {execution.since}")


def _executions(machine: Machine) -> tuple[Any, ...]:
    inside: Any = machine
    return tuple(inside._pipeline.active())


def _waiting_exits(machine: Machine) -> dict[str, str]:
    """Exits at market that were decided and of which nothing was ever sent, but for those that an escape is for."""
    found = {}
    for execution in _executions(machine):
        order = execution.decision.order
        if not execution.reduces or execution.ending or order.type is not OrderType.MARKET:
            continue
        if execution.state is ExecutionState.ESCAPING:
            continue
        if not machine.account.orders.of_parent(execution.id):
            found[execution.id] = f"{execution.id} is to close {order.symbol}, is {execution.state} and not sent"
    return found
