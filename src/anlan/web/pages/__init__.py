"""One module for each group of pages: it asks the rooms, makes view-models, and answers. No rules live here."""

from anlan.web.pages import (
    assessments,
    board,
    composing,
    domains,
    drawing,
    feeds,
    imports,
    journal,
    session,
    signals,
    warnings,
)

ROUTERS = tuple(
    module.router
    for module in (
        session,
        board,
        signals,
        assessments,
        composing,
        warnings,
        drawing,
        domains,
        imports,
        journal,
        feeds,
    )
)

__all__ = ["ROUTERS"]
