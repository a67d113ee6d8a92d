"""``qts doctor``: whether this machine and this installation can do the work."""

import typer

from qts.cli.output import Output, OutputOption, page, print_json


def doctor(output: OutputOption = Output.TABLE) -> None:
    """Check the machine, the libraries, the data and the database; exits 3 when something needs attention."""
    from qts.app.doctor import examine
    from qts.app.settings import Settings

    findings = examine(Settings.from_environment())
    if output is Output.JSON:
        print_json([{"check": f.check, "ok": f.ok, "detail": f.detail, "next_step": f.next_step} for f in findings])
    else:
        from rich.table import Table

        table = Table("check", "", "found", "next step", box=None)
        for finding in findings:
            table.add_row(finding.check, "ok" if finding.ok else "[bold red]look[/]", finding.detail, finding.next_step)
        page().print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(3)
