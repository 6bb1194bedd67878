"""One module for each group of pages: it asks the rooms, makes view-models, and answers. No rules live here."""

from anlan.web.pages import (
    answers,
    assessments,
    backtests,
    board,
    budgets,
    composing,
    domains,
    drawing,
    feeds,
    imports,
    journal,
    matters,
    public,
    reports,
    rota,
    rule_forms,
    rules,
    sending,
    session,
    signals,
    verification,
    warnings,
)

ROUTERS = tuple(
    module.router
    for module in (
        session,
        board,
        signals,
        rules,
        rule_forms,
        backtests,
        budgets,
        assessments,
        composing,
        warnings,
        answers,
        sending,
        rota,
        drawing,
        verification,
        domains,
        imports,
        journal,
        matters,
        feeds,
        public,
        reports,
    )
)

__all__ = ["ROUTERS"]
