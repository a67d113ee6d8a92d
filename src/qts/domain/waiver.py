"""A missing input that somebody accepted by name.

Without its waiver a missing input stops a run. With it the run goes on and the
waiver is printed on every result. A world admits only the waivers its policy
names, and none for live.
"""

from enum import StrEnum


class Waiver(StrEnum):
    NO_FUNDING = "no-funding"
    NO_BRACKETS = "no-brackets"
    BRACKETS_UNDATED = "brackets-undated"
    MARK_FROM_LAST = "mark-from-last"
    GAPS_IN_BARS = "gaps-in-bars"

    @property
    def meaning(self) -> str:
        """What the reader of a result must know."""
        match self:
            case Waiver.NO_FUNDING:
                return (
                    "funding history is missing, in whole or in part: what is missing was neither charged nor received"
                )
            case Waiver.NO_BRACKETS:
                return "leverage brackets are missing: liquidation was not simulated"
            case Waiver.BRACKETS_UNDATED:
                return "leverage brackets of another date were used for the whole period"
            case Waiver.MARK_FROM_LAST:
                return "mark price is missing: last price stood in for it in funding, margin and liquidation"
            case Waiver.GAPS_IN_BARS:
                return "bars are missing: nothing was decided, and nothing could fill, while they are"
