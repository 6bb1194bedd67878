"""Counties as the alert system sees them, and systems counted on stated terms."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib.resources import files

import numpy as np
import pytest

from anlan.errors import ParameterError
from anlan.stats.evaluation import (
    DISEASES,
    CountyDays,
    StatedTerms,
    on_stated_terms,
    outbreak_scores,
    simulate_county_days,
    threshold_for_sensitivity,
)
from anlan.stats.evaluation.county import HISTORY_WEEKS, N_DAYS, TESTED_WEEKS

NATIONAL = {
    "dysentery": "Dysentery", "other infectious diarrhoea": "Infectious diarrhea", "mumps": "Mumps",
    "hepatitis A": "Hepatitis A", "hepatitis C": "Hepatitis C", "influenza": "Influenza", "measles": "Measles",
    "typhoid and paratyphoid": "Typhoid fever and paratyphoid fever", "typhus": "Typhus",
    "meningococcal disease": "Meningococcal meningitis", "leptospirosis": "Leptospirosis",
}  # fmt: skip


def simulated(seed: int = 1, n: int = 10, **more: float) -> CountyDays:
    return simulate_county_days(n, generator=np.random.default_rng(seed), **more)


def test_means_are_those_of_the_national_figures() -> None:
    """Cases 2010-2012 over 2,900 counties and 3 x 52.18 weeks, to the digits of the table."""
    totals: dict[str, float] = defaultdict(float)
    with files("anlan.datasets").joinpath("cn_notifiable_monthly.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if "2010" <= row["month"][:4] <= "2012" and row["cases"] not in ("", "NA"):
                totals[row["disease"]] += float(row["cases"])
    for disease in DISEASES[:11]:
        mean = totals[NATIONAL[disease.name]] / 2900 / (3 * 365.25 / 7)
        assert disease.mean == pytest.approx(mean, rel=0.03, abs=0.0006), disease.name


def test_counts_have_the_mean_of_their_disease_and_the_variance_of_the_design() -> None:
    counties = simulated(n=150, outbreaks_per_1000=0.0)
    weeks = counties.weeks

    assert weeks.shape == (150 * 19, HISTORY_WEEKS + TESTED_WEEKS)
    for place in (0, 1, 2, 4):
        chosen = counties.disease == place
        assert weeks[chosen].mean() == pytest.approx(DISEASES[place].mean, rel=0.2)
    # A weekday against itself a week later shares the mean; half the mean square of the difference is the variance.
    mondays = counties.days[counties.disease == 1][:, ::7]
    variance = ((mondays[:, 1:] - mondays[:, :-1]) ** 2).mean() / 2
    assert 1.45 < variance / mondays.mean() < 1.75


def test_outbreaks_are_as_many_and_as_large_as_asked() -> None:
    with_them = simulated(5, n=100, outbreaks_per_1000=10.0, size=2.0)
    n_county_weeks = 100 * (HISTORY_WEEKS + TESTED_WEEKS)

    assert len(with_them.outbreak_first) == pytest.approx(n_county_weeks / 100, rel=0.15)
    assert (with_them.outbreak_last - with_them.outbreak_first <= 6).all()
    assert with_them.outbreak_last.max() < N_DAYS
    triggers = np.array([item.trigger for item in DISEASES])[with_them.disease[with_them.outbreak_series]]
    assert (triggers > 0).all()
    first = with_them.outbreak_first[0]
    within = with_them.days[with_them.outbreak_series[0], first : first + 7].sum()
    assert within >= 2 * triggers[0]

    many = simulated(5, n=100, judged_per_1000=50.0).judged_outbreaks
    assert many.sum() == pytest.approx(100 * TESTED_WEEKS * 0.05, rel=0.15)
    assert (~many).sum() == pytest.approx(100 * HISTORY_WEEKS * 0.00495, rel=0.25)


def test_a_seed_gives_the_same_counties() -> None:
    np.testing.assert_array_equal(simulated(3, n=2).days, simulated(3, n=2).days)


def small() -> CountyDays:
    """Two counties of one series, four weeks, the last three judged; an outbreak over the turn of weeks 1 and 2."""
    return CountyDays(
        days=np.zeros((2, 28)),
        county=np.array([0, 1]),
        disease=np.array([0, 0]),
        outbreak_series=np.array([0, 1, 1]),
        outbreak_first=np.array([12, 2, 21]),
        outbreak_last=np.array([15, 4, 21]),
        first_tested=1,
    )


def test_terms_by_hand() -> None:
    counties = small()
    assert counties.outbreak_weeks.tolist() == [[True, True, False], [False, False, True]]
    assert counties.judged_outbreaks.tolist() == [True, False, True]
    days = np.zeros((2, 21), dtype=bool)
    days[0, [3, 6, 14]] = True  # days 10 (before the beginning), 13 and 21
    found = on_stated_terms(days, counties)

    assert (found.outbreaks, found.county_weeks) == (2, 6)
    assert found.estimate("signals").value == pytest.approx(2 / 6)  # two weeks with a signal
    assert found.estimate("precision").value == pytest.approx(1 / 2)
    assert found.estimate("sensitivity").value == pytest.approx(1 / 2)
    assert found.estimate("outbreaks_per_signal").value == pytest.approx(1 / 2)
    assert found.estimate("days_to_detection").value == pytest.approx(1)

    weeks = np.array([[True, False, False], [False, False, True]])
    by_week = on_stated_terms(weeks, counties)
    assert by_week.estimate("sensitivity").value == 1
    assert by_week.estimate("days_to_detection").value == pytest.approx(
        (1 + 6) / 2
    )  # Sundays: days 13 and 27
    both = StatedTerms.of_all([found, by_week])
    assert both.county_weeks == 12
    assert both.estimate("sensitivity").value == pytest.approx(3 / 4)


def test_outbreaks_of_the_history_are_in_no_judged_week() -> None:
    counties = simulated(2, n=20, outbreaks_per_1000=50.0, judged_per_1000=1.0)
    per_outbreak = counties.outbreak_weeks.sum() / counties.judged_outbreaks.sum()

    assert counties.judged_outbreaks.sum() < (~counties.judged_outbreaks).sum() / 50
    assert 1 <= per_outbreak <= 2.5  # seven days lie in one or two weeks; one may reach in from the history


def test_an_alarm_before_the_outbreak_in_its_week_does_not_find_it() -> None:
    days = np.zeros((2, 21), dtype=bool)
    days[0, 3] = True
    assert on_stated_terms(days, small()).estimate("sensitivity").value == 0


def test_the_threshold_is_the_highest_that_surely_keeps_the_sensitivity() -> None:
    """Of 100 outbreaks 99 must be found: Wilson's lower limit for 99 is 94.6 %, for 100 it is 96.3 %."""
    best = np.arange(100.0)
    assert threshold_for_sensitivity(best, 0.95) == 0
    assert threshold_for_sensitivity(best, 0.94) == 1
    with pytest.raises(ParameterError, match="^best must be scores of enough outbreaks to be sure of 0.95"):
        threshold_for_sensitivity(best[:50], 0.95)


def test_scores_of_outbreaks() -> None:
    scores = np.array([[1.0, np.nan, 9.0], [5.0, 6.0, np.nan]])
    assert outbreak_scores(scores, small()).tolist() == [1.0, -np.inf]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ParameterError, match="^alarms must be bool of shape"):
        on_stated_terms(np.zeros((2, 5), dtype=bool), small())
    with pytest.raises(ParameterError, match="^n_counties must be"):
        simulated(n=0)
    with pytest.raises(ParameterError, match="^size must be"):
        simulated(n=1, size=0.0)
    with pytest.raises(ParameterError, match="^judged_per_1000 must be"):
        simulated(n=1, judged_per_1000=-1.0)
