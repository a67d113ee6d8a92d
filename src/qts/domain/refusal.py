"""Every reason for which an order is not sent, worst first, and whether the same order may pass later."""

from enum import StrEnum


class RefusalCode(StrEnum):
    """In order of precedence: when several apply, the first one is the headline."""

    ACCOUNT_HALTED = "account-halted"
    POOL_LOCKED = "pool-locked"
    POOL_PAUSED = "pool-paused"
    DRAWDOWN_REACHED = "drawdown-reached"
    DAILY_LOSS_REACHED = "daily-loss-reached"
    DATA_STALE = "data-stale"
    NOT_REDUCING = "not-reducing"
    NOTHING_TO_CLOSE = "nothing-to-close"
    STOP_ON_WRONG_SIDE = "stop-on-wrong-side"
    TARGET_ON_WRONG_SIDE = "target-on-wrong-side"
    SIZE_NEEDS_STOP = "size-needs-stop"
    LIQUIDATION_BEFORE_STOP = "liquidation-before-stop"
    QUANTITY_BELOW_LOT = "quantity-below-lot"
    NOTIONAL_BELOW_MINIMUM = "notional-below-minimum"
    PRICE_OUTSIDE_COLLAR = "price-outside-collar"
    ORDER_NOTIONAL_ABOVE_LIMIT = "order-notional-above-limit"
    SYMBOL_EXPOSURE_ABOVE_LIMIT = "symbol-exposure-above-limit"
    GROSS_EXPOSURE_ABOVE_LIMIT = "gross-exposure-above-limit"
    NET_EXPOSURE_ABOVE_LIMIT = "net-exposure-above-limit"
    HEAT_ABOVE_LIMIT = "heat-above-limit"
    LEVERAGE_ABOVE_CAP = "leverage-above-cap"
    LIQUIDATION_TOO_NEAR = "liquidation-too-near"
    ORDER_RATE_ABOVE_LIMIT = "order-rate-above-limit"
    REVERSALS_ABOVE_LIMIT = "reversals-above-limit"
    OPEN_ORDERS_ABOVE_LIMIT = "open-orders-above-limit"
    BRACKET_LEVERAGE_EXCEEDED = "bracket-leverage-exceeded"
    MARGIN_INSUFFICIENT = "margin-insufficient"
    NOT_EXECUTED = "not-executed"

    @property
    def is_transient(self) -> bool:
        """Whether the same order, sent again later, may be accepted."""
        match self:
            case (
                RefusalCode.DATA_STALE
                | RefusalCode.PRICE_OUTSIDE_COLLAR
                | RefusalCode.ORDER_RATE_ABOVE_LIMIT
                | RefusalCode.REVERSALS_ABOVE_LIMIT
                | RefusalCode.OPEN_ORDERS_ABOVE_LIMIT
                | RefusalCode.DAILY_LOSS_REACHED
            ):
                return True  # time passes
            case (
                RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT
                | RefusalCode.SYMBOL_EXPOSURE_ABOVE_LIMIT
                | RefusalCode.GROSS_EXPOSURE_ABOVE_LIMIT
                | RefusalCode.NET_EXPOSURE_ABOVE_LIMIT
                | RefusalCode.HEAT_ABOVE_LIMIT
                | RefusalCode.LIQUIDATION_TOO_NEAR
                | RefusalCode.LEVERAGE_ABOVE_CAP
                | RefusalCode.BRACKET_LEVERAGE_EXCEEDED
                | RefusalCode.MARGIN_INSUFFICIENT
                | RefusalCode.NOT_EXECUTED
            ):
                return True  # the account may have grown
            case (
                RefusalCode.ACCOUNT_HALTED
                | RefusalCode.POOL_LOCKED
                | RefusalCode.POOL_PAUSED
                | RefusalCode.DRAWDOWN_REACHED
                | RefusalCode.NOT_REDUCING
                | RefusalCode.NOTHING_TO_CLOSE
                | RefusalCode.STOP_ON_WRONG_SIDE
                | RefusalCode.TARGET_ON_WRONG_SIDE
                | RefusalCode.SIZE_NEEDS_STOP
                | RefusalCode.LIQUIDATION_BEFORE_STOP
                | RefusalCode.QUANTITY_BELOW_LOT
                | RefusalCode.NOTIONAL_BELOW_MINIMUM
            ):
                return False

    @property
    def meaning(self) -> str:
        return _MEANING[self]


_MEANING = {
    RefusalCode.ACCOUNT_HALTED: "the account has nothing left to trade with",
    RefusalCode.POOL_LOCKED: "the strategy's capital is locked: only what has happened is still written down",
    RefusalCode.POOL_PAUSED: "the strategy's capital is paused: nothing new is opened with it",
    RefusalCode.DRAWDOWN_REACHED: "equity has fallen too far from its peak, and nobody has said that trading goes on",
    RefusalCode.DAILY_LOSS_REACHED: "too much has been lost since the UTC day began",
    RefusalCode.DATA_STALE: "the newest price is older than the limit allows",
    RefusalCode.NOT_REDUCING: "the order claims to reduce but would not",
    RefusalCode.NOTHING_TO_CLOSE: "there is no position to close or protect",
    RefusalCode.STOP_ON_WRONG_SIDE: "the stop loss does not lie on the losing side of the entry",
    RefusalCode.TARGET_ON_WRONG_SIDE: "the take profit does not lie on the winning side of the entry",
    RefusalCode.SIZE_NEEDS_STOP: "no quantity or weight was given, and without a stop loss none can be worked out",
    RefusalCode.LIQUIDATION_BEFORE_STOP: "the venue would take the position away before its stop loss is reached",
    RefusalCode.QUANTITY_BELOW_LOT: "the quantity rounds down to less than one lot",
    RefusalCode.NOTIONAL_BELOW_MINIMUM: "the order is worth less than the instrument's minimum",
    RefusalCode.PRICE_OUTSIDE_COLLAR: "the order's price is too far from the market",
    RefusalCode.ORDER_NOTIONAL_ABOVE_LIMIT: "the order is worth more than one order may be",
    RefusalCode.SYMBOL_EXPOSURE_ABOVE_LIMIT: "the position on the symbol would be worth more than one symbol may be",
    RefusalCode.GROSS_EXPOSURE_ABOVE_LIMIT: "all positions together would be worth more than they may be",
    RefusalCode.NET_EXPOSURE_ABOVE_LIMIT: "longs less shorts would be worth more, on one side, than they may be",
    RefusalCode.HEAT_ABOVE_LIMIT: "if every stop were hit, more would be lost than may be",
    RefusalCode.LIQUIDATION_TOO_NEAR: "the position's liquidation price would be too near to the market",
    RefusalCode.ORDER_RATE_ABOVE_LIMIT: "too many orders have just been sent",
    RefusalCode.REVERSALS_ABOVE_LIMIT: "the strategy has changed sides too often within the hour",
    RefusalCode.OPEN_ORDERS_ABOVE_LIMIT: "too many orders are open already",
    RefusalCode.LEVERAGE_ABOVE_CAP: "the position would be worth more than the leverage cap allows",
    RefusalCode.BRACKET_LEVERAGE_EXCEEDED: "the venue does not grant the account's leverage to so large a position",
    RefusalCode.NOT_EXECUTED: "the order was allowed, and the execution machine did not let it out",
    RefusalCode.MARGIN_INSUFFICIENT: "there is not enough free margin",
}
