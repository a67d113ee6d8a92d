"""Makes tests/golden/metrics/*.json with other people's libraries. Not part of the product and not run by the tests.

In a scratch environment of its own:

    python3.11 -m venv scratch && scratch/bin/pip install empyrical-reloaded==0.7.1 quantstats==0.0.86 \
        scipy==1.17.1 pandas==3.1.1 purgedcv==0.1.11
    scratch/bin/python tools/golden_metrics.py tests/golden/metrics

Nothing here imports QTS: an answer may not come from the code it judges. The
inputs are written into the files, so they do not depend on a random generator.
"""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

DAY_MS = 86_400_000
FOUR_HOURS_MS = DAY_MS // 6
START = 1_704_067_200_000  # 2024-01-01T00:00:00Z


def walk(bars: int, seed: int, drift: float) -> list[float]:
    """An equity path from a linear congruential generator (Numerical Recipes' constants), 6 decimals."""
    state, equity, path = seed, 10_000.0, []
    for _ in range(bars):
        total = 0.0
        for _ in range(4):
            state = (1_664_525 * state + 1_013_904_223) % 2**32
            total += state / 2**32
        equity *= 1.0 + drift + 0.012 * (total - 2.0)
        path.append(round(equity, 6))
    return path


def series_case(name: str, equity: list[float], closed_at: list[int]) -> dict[str, object]:
    import empyrical  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import purgedcv  # noqa: PLC0415
    import quantstats.stats as qs  # noqa: PLC0415
    from scipy import stats  # noqa: PLC0415

    marks = pd.Series(equity, index=pd.to_datetime(closed_at, unit="ms"))
    ends = marks.resample("1D", closed="right", label="left").last().ffill()
    first = pd.Series([10_000.0], index=[ends.index[0] - pd.Timedelta(days=1)])
    days = pd.concat([first, ends]).pct_change().dropna()
    bars = pd.concat([pd.Series([10_000.0], index=[pd.Timestamp(START, unit="ms")]), marks]).pct_change().dropna()
    ulcer = float(qs.ulcer_index(bars)) * float(np.sqrt((len(bars) - 1) / len(bars)))  # theirs divides by n - 1
    quantile = float(days.quantile(0.01, interpolation="linear"))
    years = (closed_at[-1] - START) / (365 * DAY_MS)
    half = len(days) // 2
    theirs = purgedcv.deflated_sharpe_ratio_full(days.to_numpy(), 37, 0.004)
    return {
        "name": name,
        "capital": 10_000.0,
        "started_at": START,
        "interval_ms": FOUR_HOURS_MS,
        "closed_at": closed_at,
        "equity": equity,
        "significance": {  # purgedcv corrects its moments for the sample size, so they are inputs here
            "sharpe": theirs.observed_sr,
            "skew": theirs.skew,
            "kurtosis": theirs.kurt,
            "observations": theirs.n_obs,
            "trials": theirs.n_trials,
            "variance_of_trials": theirs.var_sharpe,
            "psr": float(purgedcv.probabilistic_sharpe_ratio(days.to_numpy(), 0.0)),
            "best_of_trials": theirs.sr_star,
            "dsr": theirs.dsr,
        },
        "answers": {
            "sharpe": float(empyrical.sharpe_ratio(days, annualization=365)),
            "sharpe_first_half": float(empyrical.sharpe_ratio(days[:half], annualization=365)),
            "sharpe_second_half": float(empyrical.sharpe_ratio(days[half:], annualization=365)),
            "sortino": float(empyrical.sortino_ratio(days, annualization=365)),
            "volatility": float(empyrical.annual_volatility(days, annualization=365)),
            "max_drawdown": -float(empyrical.max_drawdown(bars)),
            "total_return": float(empyrical.cum_returns_final(days)),
            "cagr": float((1.0 + empyrical.cum_returns_final(days)) ** (1.0 / years) - 1.0),
            "ulcer_index": ulcer,
            "time_under_water": float((qs.to_drawdown_series(bars) < 0).mean()),
            "gain_to_pain": float(qs.gain_to_pain_ratio(days)),
            "var_p01": -quantile,
            "es_p01": -float(days[days <= quantile].mean()),
            "best_day": float(days.max()),
            "worst_day": float(days.min()),
            "skew": float(stats.skew(days, bias=True)),
            "kurtosis": float(stats.kurtosis(days, fisher=False, bias=True)),
            "sample_days": float(marks.resample("1D", closed="right").count().gt(0).sum()),
        },
    }


def main(folder: Path) -> None:
    grid = [START + FOUR_HOURS_MS * (bar + 1) for bar in range(1500)]
    gap = [at for at in grid[:900] if not 300 <= (at - START) // FOUR_HOURS_MS < 325]
    libraries = ("empyrical-reloaded", "quantstats", "scipy", "pandas", "purgedcv", "numpy")
    found = {
        "computed_by": "tools/golden_metrics.py with " + ", ".join(f"{lib} {version(lib)}" for lib in libraries),
        "how": "UTC days by pandas resample (closed right, last, forward filled); ratios by empyrical; ulcer index, "
        "time under water and gain to pain by quantstats (ulcer rescaled from n - 1 to n); moments by scipy; quantile "
        "by pandas; PSR and DSR by purgedcv from its own moments; CAGR from empyrical's return "
        "over years of 365 days",
        "from_what": "random walks on 4-hour bars written out below; the second lacks four days of bars",
        "cases": [
            series_case("rising", walk(1500, 20240101, 0.0004), grid),
            series_case("falling, with a gap", walk(len(gap), 77, -0.0003), gap),
        ],
    }
    text = json.dumps(found, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda column: " ".join(column[0].split()), text)  # a column on one line
    (folder / "series.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
