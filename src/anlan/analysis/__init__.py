"""From observations to signals: rules as versions, their runs, silence, and the reasons in words.

A rule looks at values that are new since its last run and says what is unusual; a signal keeps what it saw, what it
expected, and the journal sequence it rests on. What people make of a signal belongs to another room.
"""

from anlan.analysis.actions import (
    activate_rule,
    check_silence,
    install_rules,
    preview_rule,
    propose_rule,
    retire_rule,
    run_due,
    run_rule,
)
from anlan.analysis.charts import Chart, chart
from anlan.analysis.queries import (
    rule,
    rule_versions,
    rules,
    runs,
    signal,
    signal_history,
    signal_numbered,
    signal_page,
    signals,
    silent,
)
from anlan.analysis.running import DueReport, Failure
from anlan.analysis.sentences import say
from anlan.analysis.silence import SilenceReport
from anlan.analysis.types import Rule, Run, RunReport, Selector, Signal, SignalPage

__all__ = [
    "Chart",
    "DueReport",
    "Failure",
    "Rule",
    "Run",
    "RunReport",
    "Selector",
    "Signal",
    "SignalPage",
    "SilenceReport",
    "activate_rule",
    "chart",
    "check_silence",
    "install_rules",
    "preview_rule",
    "propose_rule",
    "retire_rule",
    "rule",
    "rule_versions",
    "rules",
    "run_due",
    "run_rule",
    "runs",
    "say",
    "signal",
    "signal_history",
    "signal_numbered",
    "signal_page",
    "signals",
    "silent",
]
