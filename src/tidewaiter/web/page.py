"""Turns a template and its context into one self-contained HTML page: no script, no request, everything escaped."""

from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("tidewaiter.web", "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, context: dict[str, Any]) -> str:
    """The page of one template; every text in `context` is escaped, whoever wrote it."""
    return _ENVIRONMENT.get_template(template).render(context)
