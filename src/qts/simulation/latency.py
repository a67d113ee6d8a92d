"""How long a request takes to reach the venue, and its answer and other news to come back.

Assumes: every request takes ``entry_ns`` from the tick it was decided on to the
matching engine, every answer and every piece of news ``response_ns`` back, plus
what the jitter says for that message. Ticks are replayed by the recorder's clock,
so the entry delay begins when a tick was known here and includes the time that
tick itself had been on its way. News keeps its order; requests may overtake each
other.
Ignores: that latency grows when the market is busy; lost messages; rate limits.
Source: delays are the user's, measured or assumed; splitting them into order
entry and response follows hftbacktest's documentation (latency models).
"""

from dataclasses import dataclass

from qts.domain.errors import UsageError


@dataclass(frozen=True, slots=True)
class Latency:
    """entry_ns, response_ns: fixed delays, ns, 0 or more.

    entry_jitter_ns, response_jitter_ns: what the n-th message takes longer, ns,
    each 0 or more, used in turn and again from the start; empty for none. They
    are data: whoever wants them random draws them from a seed beforehand.
    """

    entry_ns: int
    response_ns: int
    entry_jitter_ns: tuple[int, ...] = ()
    response_jitter_ns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        every = (self.entry_ns, self.response_ns, *self.entry_jitter_ns, *self.response_jitter_ns)
        if min(every) < 0:
            raise UsageError(f"a delay is not negative: {min(every)} ns")

    def entry(self, number: int) -> int:
        """Delay of the ``number``-th request, from 0, ns."""
        jitter = self.entry_jitter_ns
        return self.entry_ns + (jitter[number % len(jitter)] if jitter else 0)

    def response(self, number: int) -> int:
        """Delay of the ``number``-th answer or piece of news, from 0, ns."""
        jitter = self.response_jitter_ns
        return self.response_ns + (jitter[number % len(jitter)] if jitter else 0)

    def sentence(self) -> str:
        jitter = " and a recorded jitter" if self.entry_jitter_ns or self.response_jitter_ns else ""
        return (
            f"a request reaches the venue {_ms(self.entry_ns)} after the tick it was decided on was known, "
            f"news takes {_ms(self.response_ns)} back{jitter}"
        )


def _ms(delay_ns: int) -> str:
    whole, rest = divmod(delay_ns, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + " ms"
