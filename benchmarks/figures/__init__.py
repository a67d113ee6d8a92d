"""The figures, one file each, in the order they are taken and printed."""

from benchmarks.figure import Figure
from benchmarks.figures.campaign import CAMPAIGN, CAMPAIGN_DAY
from benchmarks.figures.empty_callback import EMPTY_CALLBACK
from benchmarks.figures.memory import MEMORY
from benchmarks.figures.moving_average_cross import MOVING_AVERAGE_CROSS, MOVING_AVERAGE_CROSS_LONG
from benchmarks.figures.order_parts import ORDER_PARTS
from benchmarks.figures.order_path import ORDER_PATH
from benchmarks.figures.stage_latency import STAGE_LATENCY
from benchmarks.figures.start_up import FIRST_VERDICT, START_UP

FIGURES: tuple[Figure, ...] = (
    MOVING_AVERAGE_CROSS,
    MOVING_AVERAGE_CROSS_LONG,
    EMPTY_CALLBACK,
    ORDER_PATH,
    ORDER_PARTS,
    STAGE_LATENCY,
    CAMPAIGN,
    CAMPAIGN_DAY,
    MEMORY,
    START_UP,
    FIRST_VERDICT,
)
