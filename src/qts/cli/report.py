"""``qts report``: where a run's page is, drawn again from the record if it was lost."""

from typing import Annotated

import typer

from qts.cli.output import Output, OutputOption, page, print_json, steps


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id or qts:// address.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Print the path of a run's HTML report. A lost report is drawn again from the record."""
    from qts.app.runner import Runner

    runner = Runner()
    with steps(output) as progress:
        path = runner.report(run, progress=progress)
    if output is Output.JSON:
        print_json({"report": str(path)})
    else:
        page().print(str(path), soft_wrap=True)
