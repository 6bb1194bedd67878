"""One module for each group of pages: it asks the rooms, makes view-models, and answers. No rules live here."""

from anlan.web.pages import domains, feeds, journal, session

ROUTERS = tuple(
    module.router for module in (session, domains, journal, feeds)
)

__all__ = ["ROUTERS"]
