"""Templates in, one self-contained HTML text out.

Always true of a page: styles and scripts are inside it; its content security
policy lets only the very scripts it was made with run (by their digest) and
lets nothing be fetched from anywhere, so not even a hostile strategy name that
slipped through the escaping could load or send anything. Jinja and Plotly are
imported when the first page is rendered, not before.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from qts.adapters.stores.atomic import write_durably

_PACKAGE = "qts.adapters.reports"


def resource(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def render(template: str, *, scripts: Sequence[str], data: Mapping[str, object], **context: object) -> str:
    """The page. scripts: JavaScript texts, run in order at its end. data: JSON the scripts find in #page-data."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        policy=security_policy(scripts),
        style=Markup(resource("page.css")),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own and Plotly's
        data=Markup(inert_json(data)),  # noqa: S704 - no '<' is left in it
        **context,
    )


def inert_json(value: Mapping[str, object]) -> str:
    """JSON that cannot end the script element it stands in, whatever its strings say."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def security_policy(scripts: Sequence[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def plotly_script() -> str:
    """Plotly's minified JavaScript from the installed package, without a source map."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def write_page(path: Path, text: str) -> Path:
    """Puts the page in place whole or not at all; an older page stays until then. Raises StorageError."""
    write_durably(path, text.encode())
    return path
