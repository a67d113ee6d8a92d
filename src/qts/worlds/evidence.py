"""What a run brings before its world: numbers, where they came from, and what was waived to get them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256

import numpy as np

from qts.domain.instant import DAY_MS, Instant
from qts.domain.waiver import Waiver
from qts.market.bars import Floats
from qts.simulation.result import Provenance
from qts.worlds.chain import document


@dataclass(frozen=True, slots=True, eq=False)
class DayReturns:
    """Simple returns of consecutive UTC days.

    first_day: days since 1970-01-01 of the first value. values: float64, shape
    (days,), fractions of marked equity after all costs, finite.
    """

    first_day: int
    values: Floats

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)  # our own: the caller may go on writing to theirs
        if values.ndim != 1 or not np.isfinite(values).all():
            raise ValueError("day returns must be one finite number per day")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @classmethod
    def from_bars(cls, first_close: Instant, values: Floats) -> "DayReturns":
        """Day returns of bars whose first one closed at ``first_close``; a close at midnight ends the day before."""
        return cls((first_close - 1) // DAY_MS, values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DayReturns) and self.first_day == other.first_day and self.bytes == other.bytes

    def __hash__(self) -> int:
        return hash((self.first_day, self.bytes))

    @property
    def bytes(self) -> bytes:
        """Little-endian float64, the form it is stored and digested in."""
        return self.values.astype("<f8", copy=False).tobytes()


def run_terms(
    capital: Decimal, frictions: Mapping[str, object], risk_limits: Mapping[str, object]
) -> dict[str, object]:
    """What a run was allowed and charged, as plain JSON values; decimals are texts."""
    terms = {"capital": capital, "frictions": frictions, "risk_limits": risk_limits}
    plain: dict[str, object] = json.loads(document(terms))
    return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What is about to be tried: everything that is known before there is a result.

    trial_key: equal keys are one trial. start, end: the window asked for.
    terms: capital, frictions and risk_limits as plain JSON values, equal after being stored; empty when a record does
    not say.
    """

    strategy: str
    family: str
    parameters: Mapping[str, object]
    code_digest: str
    data_fingerprint: str
    trial_key: str
    symbol: str
    interval_ms: int
    start: Instant
    end: Instant
    terms: Mapping[str, object]
    waivers: tuple[Waiver, ...]
    synthetic: bool

    @classmethod
    def from_provenance(cls, provenance: Provenance, *, family: str) -> "Hypothesis":
        return cls(
            strategy=provenance.strategy,
            family=family,
            parameters=dict(provenance.parameters),
            code_digest=provenance.code_digest,
            data_fingerprint=provenance.data_fingerprint,
            trial_key=provenance.trial_key,
            symbol=provenance.symbol,
            interval_ms=provenance.interval_ms,
            start=provenance.start,
            end=provenance.end,
            terms=run_terms(provenance.capital, provenance.frictions, provenance.risk_limits),
            waivers=provenance.waivers,
            synthetic=provenance.synthetic,
        )

    def facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_facts(cls, facts: Mapping[str, object]) -> "Hypothesis":
        """A stored hypothesis. Raises ValueError, KeyError or TypeError when the facts are not one."""
        known: dict[str, object] = {"terms": {}, **facts}
        waivers = known.pop("waivers")
        if not isinstance(waivers, list):
            raise TypeError("waivers is not a list")
        return cls(**known, waivers=tuple(Waiver(str(name)) for name in waivers))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What came of it.

    trial_key: must be the opened run's. metrics: name to value, None when it is
    undefined; NaN and infinities are made None here, so nobody can compare with
    them. undefined: why, by name. trial_count: the count its deflated Sharpe
    ratio was given, None when nobody counted. data_start, data_end: first open
    and last close of the bars it really had. links: name to address.
    definitions: digest of the definition that made a metric, by name; a metric
    that is not in it was made by an unknown one.
    """

    trial_key: str
    result_digest: str
    metrics: Mapping[str, float | None]
    undefined: Mapping[str, str]
    trial_count: int | None
    day_returns: DayReturns
    data_start: Instant
    data_end: Instant
    waivers: tuple[Waiver, ...]
    synthetic: bool
    links: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        reasons = dict(self.undefined)
        finite: dict[str, float | None] = {}
        for name, value in self.metrics.items():
            usable = value is not None and math.isfinite(value)
            finite[name] = float(value) if value is not None and usable else None
            if not usable:
                reasons.setdefault(name, "it was not measured" if value is None else f"it came out as {value}")
        object.__setattr__(self, "metrics", finite)
        object.__setattr__(self, "undefined", reasons)

    def under(self, definitions: Mapping[str, str]) -> "Evidence":
        """The evidence as far as it was measured by these definitions; any other metric is undefined.

        definitions: digest by name, of every metric there is today; empty checks nothing.
        """
        older = {name for name in self.metrics if self.definitions.get(name) != definitions.get(name)}
        if not definitions or not older:
            return self
        return replace(
            self,
            metrics={name: None if name in older else value for name, value in self.metrics.items()},
            undefined={**self.undefined, **dict.fromkeys(older, "measured by an older definition")},
        )

    def facts(self) -> dict[str, object]:
        """Plain values for JSON, with the day returns by their first day and digest."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "day_returns"}
        returns = sha256(self.day_returns.bytes).hexdigest()
        return {**plain, "first_day": self.day_returns.first_day, "day_returns_digest": returns}

    @classmethod
    def from_facts(cls, facts: Mapping[str, object], returns: bytes) -> "Evidence":
        """Stored evidence. Raises ValueError, KeyError or TypeError when the facts and the returns are not it."""
        known = dict(facts)
        waivers, first_day, metrics = known.pop("waivers"), known.pop("first_day"), known.pop("metrics")
        if not (isinstance(waivers, list) and isinstance(first_day, int) and isinstance(metrics, dict)):
            raise TypeError("waivers, first_day or metrics is not what evidence holds")
        if known.pop("day_returns_digest") != sha256(returns).hexdigest():
            raise ValueError("the day returns were changed after they were written")
        return cls(
            **known,  # type: ignore[arg-type]
            metrics={name: None if value is None else float(value) for name, value in metrics.items()},
            waivers=tuple(Waiver(str(name)) for name in waivers),
            day_returns=DayReturns(first_day, np.frombuffer(returns, dtype="<f8")),
        )
