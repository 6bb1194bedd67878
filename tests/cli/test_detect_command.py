"""``anlan detect``: options, refusals with the row of the file, and the page it draws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, sync_playwright

from anlan.cli import main
from anlan.cli.detect import parse_call, parse_parameters
from anlan.errors import ParameterError


def wards(folder: Path, n: int, *, name: str = "cases.csv", bad: str = "") -> Path:
    """Thirty days of small counts in ``n`` wards; every third ward has an outbreak on the last day."""
    lines = ["day,ward,cases"]
    for ward in range(n):
        for day in range(1, 31):
            count = 25 if day == 30 and ward % 3 == 0 else (day * 7 + ward * 3) % 5
            lines.append(f"2024-06-{day:02d},ward {ward:02d},{count}")
    file = folder / name
    file.write_text("\n".join([*lines, bad]).rstrip() + "\n", encoding="utf-8")
    return file


OPTIONS = ["--time", "day", "--value", "cases", "--by", "ward", "--method", "ears_c1"]


def test_parameters_become_numbers_words_and_text() -> None:
    assert parse_parameters(["alpha=0.01", "b=5", "trend=no", "w=none", "power-transform=2/3"]) == {
        "alpha": 0.01, "b": 5, "trend": False, "w": None, "power_transform": "2/3",
    }  # fmt: skip
    for wrong in ("alpha", "=1", "alpha="):
        with pytest.raises(ParameterError, match="written name=value"):
            parse_parameters([wrong])


def test_a_method_is_compared_with_itself_under_other_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_call("ears_c2:threshold=2, baseline=14") == ("ears_c2", {"threshold": 2, "baseline": 14})
    assert parse_call("limit") == ("limit", {})
    output = tmp_path / "out.csv"
    options = [*OPTIONS, "--compare", "ears_c1:threshold=1", "-o", str(output), "--lang", "en"]
    assert main(["detect", str(wards(tmp_path, 3)), *options]) == 1
    found = pl.read_csv(output, infer_schema_length=None)
    alarms = {
        name: found.filter(pl.col("alarm") & (pl.col("method") == name)).height
        for name in set(found["method"])
    }
    assert set(alarms) == {"ears_c1", "ears_c1:threshold=1"}
    assert alarms["ears_c1:threshold=1"] > alarms["ears_c1"] == 1
    assert "ears_c1:threshold=1" in capsys.readouterr().out


def test_bad_rows_are_named_as_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = wards(tmp_path, 1, bad="2024-06-30,ward 00,3")
    output = tmp_path / "out.csv"
    assert main(["detect", str(file), *OPTIONS, "--lang", "en", "-o", str(output)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "  - row 32: 2024-06-30 stands already in row 31" in said.err
    assert not output.exists()
    assert main(["detect", str(file), *OPTIONS, "--lang", "zh"]) == 2
    assert "  - 第 32 行：2024-06-30 已在第 31 行" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--value", "count"], "There is no column count. The table has day, ward, cases."),
        (["--method", "magic"], "magic"),
        (["-p", "threshold=-1"], "threshold must be a number > 0. Got -1."),
        (["-p", "alpha_level=1"], "alpha_level"),
        (["-p", "alpha"], "A parameter is written name=value"),
        (["--step", "month"], "rows repeat a period"),
        (["-o", "out.doc"], "Accepted are .csv, .xlsx, .parquet"),
        (["--plot", "out.png"], "Accepted are .html, .htm"),
        (["--missing", "never"], "missing must be one of gap, zero"),
    ],
)
def test_wrong_calls_end_with_2_and_say_why(
    changes: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(wards(tmp_path, 2)), *OPTIONS, *changes, "--lang", "en"]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_disorder_can_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = wards(tmp_path, 1)
    pl.read_csv(file).reverse().write_csv(file)
    assert main(["detect", str(file), *OPTIONS, "--lang", "en"]) == 2
    assert "29 rows stand before an earlier period" in capsys.readouterr().err
    assert main(["detect", str(file), *OPTIONS, "--unordered", "sort"]) == 1


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_all_kinds_of_results_and_of_input_agree(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from anlan.cli._files import read_table, with_numbers, write_table

    file = wards(tmp_path, 3)
    same = tmp_path / f"same.{kind}"
    write_table(with_numbers(read_table(file), "cases").frame.with_columns(pl.col("day").str.to_date()), same)
    output = tmp_path / f"out.{kind}"
    assert main(["detect", str(same), *OPTIONS, "-o", str(output)]) == 1
    found = with_numbers(with_numbers(read_table(output), "observed"), "upper").frame
    assert found.height == 90
    alarms = found.filter(pl.col("alarm").cast(pl.String).str.to_lowercase() == "true")
    assert alarms["ward"].to_list() == ["ward 00"]
    assert alarms["observed"].to_list() == [25]


def test_many_series_are_drawn_up_to_a_limit_that_is_stated(tmp_path: Path) -> None:
    picture = tmp_path / "out.html"
    assert (
        main(
            [
                "detect",
                str(wards(tmp_path, 30)),
                *OPTIONS,
                "--plot",
                str(picture),
                "--panels",
                "12",
                "--lang",
                "en",
            ]
        )
        == 1
    )
    html = picture.read_text(encoding="utf-8")
    assert html.count("<svg") == 12
    assert "12 of 30 series are drawn: those with alarms first" in html


def test_names_in_the_data_cannot_become_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.csv"
    bad = '"<img src=x onerror=alert(1)> [bold]&"'
    file.write_text(wards(tmp_path, 1).read_text(encoding="utf-8").replace("ward 00", bad), encoding="utf-8")
    picture = tmp_path / "out.html"
    assert main(["detect", str(file), *OPTIONS, "--plot", str(picture), "--lang", "en"]) == 1
    html = picture.read_text(encoding="utf-8")
    assert "<img" not in html
    assert "&lt;img src=x" in html
    assert "[bold]&" in "".join(capsys.readouterr().out.split())


def test_too_little_history_says_what_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(
        "week,cases\n" + "\n".join(f"2024-W{week:02d},{week % 3}" for week in range(1, 31)), encoding="utf-8"
    )
    assert main(["detect", str(file), "--time", "week", "--value", "cases", "--lang", "en"]) == 0
    said = capsys.readouterr().err
    assert "Judged: 0 of 30." in said
    assert "Nothing could be judged: farrington_flexible needs" in said
    assert "the table has 30" in said


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "Chromium is not installed (make test installs it as root)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("n", [1, 5])
def test_the_page_in_a_browser(language: str, width: int, n: int, tmp_path: Path, browser_page: Page) -> None:
    picture = tmp_path / "out.html"
    main(["detect", str(wards(tmp_path, n)), *OPTIONS, "--plot", str(picture), "--lang", language])
    requests: list[str] = []
    complaints: list[str] = []
    browser_page.on("request", lambda request: requests.append(request.url))
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.set_viewport_size({"width": width, "height": 900})
    for scheme in ("light", "dark"):
        browser_page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        browser_page.goto(picture.as_uri())
        background = browser_page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(15, 20, 24)" if scheme == "dark" else "rgb(245, 246, 247)")
    assert set(requests) == {picture.as_uri()}
    assert complaints == []
    # Nothing but the table may be wider than the window, and that scrolls in its own box.
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= width
    shown = browser_page.locator("svg:visible")
    assert shown.count() == n
    text = browser_page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(t => t.getClientRects().length).map(t => parseFloat(getComputedStyle(t).fontSize)"
        " * t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width)"
    )
    assert min(text) >= 9.5  # 12 px drawn, a little smaller in a narrow card


def grown(folder: Path) -> Path:
    """Weeks of a series that is five years old and of one that began ten weeks ago."""
    weeks = pl.date_range(pl.date(2019, 1, 7), pl.date(2024, 6, 24), "1w", eager=True)
    old = pl.DataFrame(
        {"week": weeks, "ward": "old", "cases": [(place * 7) % 5 + 3 for place in range(len(weeks))]}
    )
    frame = pl.concat([old, old.tail(10).with_columns(ward=pl.lit("young"))])
    file = folder / "grown.csv"
    frame.write_csv(file)
    return file


def test_auto_says_which_methods_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--time", "week", "--value", "cases", "--by", "ward", "--method", "auto", "--last", "4"]
    page = tmp_path / "out.html"
    assert main(["detect", str(grown(tmp_path)), *options, "--lang", "en", "--plot", str(page)]) in (0, 1)
    assert (
        "By the length of the history: anlan for 4, ears_c2 for 1, ears_c1 for 2, bayes1 for 1."
        in capsys.readouterr().err
    )
    assert "By the length of the history: anlan for 4" in page.read_text(encoding="utf-8")
    assert main(["detect", str(grown(tmp_path)), *options, "--lang", "zh", "-p", "prefer=published"]) in (
        0,
        1,
    )
    assert "按历史长度所用的方法：ears_c2 判 1 期次" in capsys.readouterr().err
    assert main(["detect", str(grown(tmp_path)), *options, "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["chosen"] == {
        "anlan": 4,
        "ears_c2": 1,
        "ears_c1": 2,
        "bayes1": 1,
    }


def test_further_columns_and_compared_methods_stand_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.csv"
    options = [*OPTIONS, "--extra", "sigma", "--compare", "auto", "-o", str(output), "--lang", "en"]
    assert main(["detect", str(wards(tmp_path, 3)), *options]) == 1
    found = pl.read_csv(output, infer_schema_length=None)
    assert {"sigma", "chosen", "method"} <= set(found.columns)
    assert found.filter(pl.col("method") == "auto")["sigma"].null_count() == 90
    capsys.readouterr()
    every = [*OPTIONS, "--extra", "all", "-o", str(output), "--lang", "en"]
    assert main(["detect", str(wards(tmp_path, 3)), *every]) == 1
    assert {"sigma", "statistic"} <= set(pl.read_csv(output, infer_schema_length=None).columns)


def test_a_population_serves_the_methods_that_take_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_csv(grown(tmp_path)).with_columns(people=pl.lit(5000))
    file = tmp_path / "people.csv"
    frame.write_csv(file)
    options = ["--time", "week", "--value", "cases", "--by", "ward", "--population", "people", "--lang", "en"]
    both = ["--method", "ears_c1", "--compare", "periodic_nb"]
    assert main(["detect", str(file), *options, *both]) in (0, 1)
    capsys.readouterr()
    assert main(["detect", str(file), *options, "--method", "ears_c1"]) == 2
    assert "population must be None for ears_c1, which takes none" in capsys.readouterr().err
