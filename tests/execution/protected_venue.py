"""A small model of a venue and of one position on it, which obeys protection and tells it what happens."""

from decimal import Decimal

from qts.domain.money import ZERO
from qts.domain.order_lifecycle import OrderEvent, OrderState
from qts.execution.contracts import Role
from qts.execution.orders import OrderRecord
from qts.execution.protection import CancelLeg, PlaceLeg, ProtectionFacts, protect
from tests.generators import SYMBOL, instrument

T0 = 1_704_067_200_000
XYZ = instrument()
UNHEARD = {OrderState.SUBMITTED, OrderState.UNKNOWN}


class Venue:
    """A position, what is wished for it, and the orders of its symbol as the machine knows them; obeys protect()."""

    def __init__(self, position="0", stop="90", target="110", mark="100"):
        self.now = T0
        self.position = ZERO
        self.epoch = 0
        self.stop = None if stop is None else Decimal(stop)
        self.target = None if target is None else Decimal(target)
        self.mark = None if mark is None else Decimal(mark)
        self.records: list[OrderRecord] = []
        self.placed = 0
        self.release = False
        self.escaping_since: int | None = None
        self.said: list[object] = []
        if position != "0":
            self.hold(position)

    # -- what happens --------------------------------------------------------

    def hold(self, position):
        """The position becomes this much; a new epoch when it was flat or turns."""
        after = Decimal(position)
        if after and (not self.position or self.position * after < 0):
            self.epoch, self.placed, self.escaping_since = self.epoch + 1, 0, None
        self.position = after

    def hear(self, record, event, code=0):
        record.code = code
        record.move(event, self.now)

    def fill(self, record, quantity):
        """A leg fills; reduce-only, so never beyond the position."""
        quantity = min(quantity, record.left, abs(self.position))
        if quantity > 0:
            record.filled += quantity
            self.hear(record, OrderEvent.FILL_PART if record.left else OrderEvent.FILL_LAST)
            self.hold(self.position - quantity if self.position > 0 else self.position + quantity)

    # -- asking and obeying ----------------------------------------------------

    @property
    def epoch_id(self):
        return f"{SYMBOL}-e{self.epoch}"

    def facts(self):
        return ProtectionFacts(
            instrument=XYZ,
            position=self.position,
            epoch_id=self.epoch_id,
            wanted_stop=self.stop,
            wanted_target=self.target,
            legs=tuple(
                each
                for each in self.records
                if not each.is_final or (each.order.parent_id == self.epoch_id and each.state is not OrderState.FILLED)
            ),
            placed=self.placed,
            mark=self.mark,
            release_target=self.release,
            escaping_since=self.escaping_since,
        )

    def ask(self):
        """protect(), obeyed; the steps."""
        steps = protect(self.facts(), self.now)
        for each in steps:
            if isinstance(each, PlaceLeg):
                record = OrderRecord(each.order, self.now)
                record.state = OrderState.SUBMITTED
                self.records.append(record)
                self.placed += 1
            elif isinstance(each, CancelLeg):
                next(one for one in self.records if one.order.client_id == each.client_id).cancel_asked_at = self.now
            else:
                self.escaping_since = self.now
        self.said += steps
        return steps

    def settle(self):
        """The venue answers everything well, at once, until there is nothing more to do."""
        for _ in range(20):
            self.ask()
            waiting = [each for each in self.records if not each.is_final]
            for each in waiting:
                if each.state in UNHEARD:
                    self.hear(each, OrderEvent.ACCEPT)
                if each.cancel_asked_at is not None:
                    self.hear(each, OrderEvent.CANCEL)
        assert self.ask() == ()

    # -- looking -----------------------------------------------------------------

    def of(self, role, epoch=None):
        parent = self.epoch_id if epoch is None else f"{SYMBOL}-e{epoch}"
        return [
            each
            for each in self.records
            if each.order.role is role and not each.is_final and each.order.parent_id == parent
        ]

    @property
    def escaping(self):
        return self.escaping_since is not None

    @property
    def stops(self):
        return self.of(Role.STOP_LOSS)

    @property
    def targets(self):
        return self.of(Role.TAKE_PROFIT)
