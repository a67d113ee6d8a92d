"""What execution needs from outside, as shapes. Adapters and the simulation fill them; nothing here acts."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from qts.execution.commands import CancelOrder, ModifyOrder, QueryOrder, SendOrder, TakeSnapshot
from qts.execution.journal import JournalRow


class Broker(Protocol):
    """Where commands go. Every answer comes back as an event, never as a return value."""

    def send_order(self, command: SendOrder) -> None: ...

    def modify_order(self, command: ModifyOrder) -> None: ...

    def cancel_order(self, command: CancelOrder) -> None: ...

    def query_order(self, command: QueryOrder) -> None: ...

    def take_snapshot(self, command: TakeSnapshot) -> None: ...


class JournalStore(Protocol):
    """The durable record of one account. ``append`` returns when the rows would survive a power cut."""

    def append(self, rows: Iterable[JournalRow]) -> None: ...

    def rows(self, after: int = 0) -> Iterator[JournalRow]: ...

    def head(self) -> tuple[int, str]:
        """The last row's number and digest; (0, the genesis digest) for an empty record."""
        ...
