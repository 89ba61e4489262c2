"""Pages hold what the results hold, whatever these say, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import shutil

import pandas as pd
import pytest

import napari_uai as uai
from napari_uai.errors import BadValueError, OutputError
from napari_uai.report import folder_page

NASTY = '"><script>alert(1)</script>\u202e\ud800'


@pytest.fixture(scope="module")
def page(recording_results, tmp_path_factory, parse):
    out = tmp_path_factory.mktemp("page") / "page.html"
    uai.write_report(recording_results, out)
    return parse(out.read_text("utf-8"))


def changed_record(folder, **changes):
    path = folder / "run.json"
    record = json.loads(path.read_text("utf-8"))
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = record
        for name in outer:
            place = place[name]
        place[last] = value
    path.write_text(json.dumps(record), "utf-8")


def report_of(folder, parse):
    uai.write_report(folder)
    return parse((folder / "report.html").read_text("utf-8"))


# what is shown


def test_nothing_is_loaded_and_links_lead_to_sources_only(page):
    for element in page.every():
        for name in ("src", "href", "data", "action", "poster", "srcset", "style"):
            value = element.attributes.get(name)
            if value is not None:
                assert re.match(r"#|data:image/png;base64,|https://doi\.org/10\.", value), value
        assert not [name for name in element.attributes if name.startswith("on")]
    assert {e.name for e in page.every()}.isdisjoint({"link", "iframe", "object", "embed", "form"})


def test_landings_have_the_numbers_of_the_table(page, recording_results, printed):
    landings = pd.read_csv(recording_results / "landings.csv")
    shown = next(t for t in page.section("Landings").all("table")).rows()
    assert len(shown) == len(landings) + 1
    units = {"contrast": 1e-3}
    columns = {"frame of the file": "raw_frame", "y (px)": "y", "x (px)": "x",
               "contrast (10⁻³)": "contrast"}  # fmt: skip
    for cells, (_, row) in zip(shown[1:], landings.iterrows(), strict=True):
        by_name = dict(zip(shown[0], cells, strict=True))
        assert printed(by_name["landing"]) == [row["landing"]]
        assert printed(by_name["score"]) == [pytest.approx(row["score"], rel=6e-3)]
        assert float(by_name["time (s)"]) == pytest.approx(row["raw_frame"] / 400, abs=6e-4)
        for heading, name in columns.items():
            error = row["frame_error" if name == "raw_frame" else f"{name}_error"]
            unit = units.get(name, 1)
            value, shown_error = printed(by_name[heading])
            assert abs(value - row[name] / unit) <= 0.06 * error / unit
            assert shown_error == pytest.approx(error / unit, rel=0.06)


def test_the_probability_of_other_times_is_shown_where_it_is_known(results, parse, printed):
    landings = pd.read_csv(results / "landings.csv")
    landings["other_times"] = [0.5 / (i + 1) for i in range(len(landings))]
    landings.to_csv(results / "landings.csv", index=False)
    shown = next(t for t in report_of(results, parse).section("Landings").all("table")).rows()
    column = shown[0].index("other times")
    for cells, expected in zip(shown[1:], landings["other_times"], strict=True):
        assert printed(cells[column]) == [pytest.approx(expected, rel=0.06)]


def test_charts_show_every_landing(page, recording_results):
    landings = pd.read_csv(recording_results / "landings.csv")
    charts = page.section("Landings").all("svg")
    marks = [[t.text for t in chart.all("title")] for chart in charts]
    for titles in marks[:2]:
        frames = [int(re.search(r"frame (\d+)", title)[1]) for title in titles]
        assert frames == landings["raw_frame"].tolist()
    traces = [c for c in charts if "contrast over frames" in c.attributes["aria-label"]]
    assert len(traces) == len(landings)


def test_facts_are_those_of_the_record(page):
    pairs = page.section("Recording").all("dl")[0].all("div")
    stated = {p.all("dt")[0].text: p.all("dd")[0].text for p in pairs}
    assert stated["Recording"] == "landings.bin"
    assert stated["Frames"] == "1200 (3 s)"
    assert stated["Frame"] == "41 rows × 40 columns, uint16"
    assert stated["Frame rate"] == "400 per second"
    assert stated["Pixel size"] == "43.7 nm"
    assert "shape known from sidecar" in stated["Read as"]


def test_parameters_say_who_set_them(page):
    rows = [row for row in page.section("Parameters").all("table")[0].rows() if len(row) == 5]
    by_name = {(row[0], row[1]): row for row in rows[1:]}
    assert by_name["batch_size", "200 frames"][2:4] == ["500", "user"]
    assert by_name["threshold", "4"][2:4] == ["5", "recipe"]
    assert by_name["size", "3 px"][2:4] == ["3", "default"]


def test_versions_and_checksums_are_those_of_the_record(page, recording_results):
    record = json.loads((recording_results / "run.json").read_text())
    origin = page.section("Origin")
    checksums, versions = (table.rows() for table in origin.all("table"))
    assert ["landings.bin (input)", "3.75 MiB", record["input"]["sha256"]] in checksums
    assert {tuple(row) for row in versions[1:]} == set(record["versions"].items())


def test_problems_of_the_run_are_shown(page):
    assert "2 images dropped" in page.section("Problems").text


def test_the_summary_picture_is_inside(page, recording_results):
    pictures = page.all("img")
    data = base64.b64decode(pictures[0].attributes["src"].partition(",")[2])
    assert data == (recording_results / "summary.png").read_bytes()
    assert all(picture.attributes["alt"] for picture in pictures)


def test_pictures_and_tables_are_described(page):
    assert all(table.all("caption")[0].text for table in page.all("table"))
    assert all(svg.attributes["aria-label"] for svg in page.all("svg"))
    assert all(figure.all("figcaption") for figure in page.all("figure"))
    headings = [e.name for e in page.every() if re.fullmatch(r"h\d", e.name)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1


def test_methods_are_the_same_on_the_page_and_in_the_file(results, parse):
    whole = report_of(results, parse)
    parts = [p.text for p in whole.by_id("methods-text").all("p")]
    assert "\n\n".join(parts) + "\n" == (results / "methods.txt").read_text("utf-8")
    assert whole.all("button")[0].attributes["data-copies"] == "methods-text"


@pytest.mark.slow
def test_the_recipe_matched_reports_drift_and_the_accepted_number(tmp_path, parse):
    recipe = uai.load_recipe("matched").with_values(dra={"batch_size": 200})
    uai.analyse_recording(uai.sample_path("landings.bin"), tmp_path / "r", recipe)
    whole = report_of(tmp_path / "r", parse)
    descriptions = [svg.attributes["aria-label"] for svg in whole.all("svg")]
    assert any(text.startswith("Position of the stage") for text in descriptions)
    assert "The threshold admits 1 expected false landings" in whole.section("Limits").text
    text = whole.by_id("methods-text").text
    for step in recipe.steps:
        assert step.stage.methods in text
        assert all(citation in text for citation in step.stage.references)


def test_a_recording_without_landings_has_a_page(results, parse):
    for name in ("landings.csv", "traces.csv"):
        pd.read_csv(results / name).head(0).to_csv(results / name, index=False)
    changed_record(results, found__landings=0)
    whole = report_of(results, parse)
    assert "No landings were found." in whole.section("Landings").text
    assert "No landings were found." in whole.by_id("methods-text").text


def test_a_table_that_was_edited_is_pointed_out(results, parse):
    pd.read_csv(results / "landings.csv").head(2).to_csv(results / "landings.csv", index=False)
    assert "landings.csv has 2 rows, the run recorded 6" in report_of(results, parse).text


@pytest.mark.parametrize("rows", [slice(0, 0), slice(None)])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 1e308, -5e-324, 1e99])
def test_values_that_are_no_measurements_leave_a_page(results, parse, rows, value):
    table = pd.read_csv(results / "landings.csv").astype(float)
    for columns in (["y", "contrast", "contrast_error"], ["raw_frame", "x_error", "score"]):
        table.loc[rows, columns] = value
    table.to_csv(results / "landings.csv", index=False)
    whole = report_of(results, parse)
    seen = [whole.text, *(str(v) for e in whole.every() for v in e.attributes.values())]
    assert [text for text in seen if re.search(r"\b(nan|inf)\b", text)] == []


def test_another_version_is_pointed_out(results, parse):
    changed_record(results, versions={"napari-uai": "0.0.1", "python": "3.11"})
    assert "The run was made with napari-uai 0.0.1" in report_of(results, parse).text


# folders


def test_a_folder_has_one_page_with_every_recording(recording_results, tmp_path, parse):
    for name in ("day 1/a", "day 1/b", "c"):
        shutil.copytree(recording_results, tmp_path / "all" / name)
    changed_record(tmp_path / "all" / "c", recipe__name="other")
    (tmp_path / "all" / "problems.csv").write_text(
        "recording,failed,problem\nx.bin,yes,no frames\nc.bin,no,dropped\n"
    )
    whole = report_of(tmp_path / "all", parse)
    names = [row[0] for row in whole.section("Recordings").all("table")[0].rows()[1:]]
    assert names == ["c", "day 1/a", "day 1/b"]
    for link in whole.section("Recordings").all("a"):
        assert link.text in whole.by_id(link.attributes["href"][1:]).all("summary")[0].text
    assert "x.bin failed: no frames" in whole.section("Problems").text
    text = whole.by_id("methods-text").text
    assert "Landings were detected in 2 recordings" in text
    assert text.count("Landings were detected in") == 2  # two ways of analysis
    assert not (tmp_path / "all" / "c" / "report.html").exists()


def test_pages_about_very_many_recordings_show_pictures_of_some(
    recording_results, tmp_path, parse, monkeypatch
):
    monkeypatch.setattr(folder_page, "N_WITH_PICTURES", 2)
    for name in "abc":
        shutil.copytree(recording_results, tmp_path / "all" / name)
    each = report_of(tmp_path / "all", parse).section("Each recording")
    assert [bool(part.all("img")) for part in each.all("details")] == [True, True, False]
    assert all(part.all("table") for part in each.all("details"))
    assert "Pictures of the first 2 recordings are shown" in each.text


def test_folders_that_are_being_written_are_left_out(recording_results, tmp_path, parse):
    shutil.copytree(recording_results, tmp_path / "all" / "a")
    shutil.copytree(recording_results, tmp_path / "all" / ".partial-x")
    rows = report_of(tmp_path / "all", parse).section("Recordings").all("table")[0].rows()
    assert [row[0] for row in rows[1:]] == ["a"]


# trails


def test_trails_have_a_page_of_their_own(trail_results, tmp_path, parse, printed):
    out = tmp_path / "report.html"
    uai.write_report(trail_results, out)
    whole = parse(out.read_text("utf-8"))
    scores = pd.read_csv(trail_results / "scores.csv")
    rows = next(t for t in whole.section("Trails").all("table")).rows()
    assert [row[1] for row in rows[1:]] == scores["trail"].tolist()
    for row, anomaly in zip(rows[1:], scores["anomaly"], strict=True):
        assert printed(row[4]) == [pytest.approx(anomaly, abs=6e-4)]
    assert len(whole.section("Trails").all("img")) == 3  # tiles, heatmap and top of one class
    text = whole.by_id("methods-text").text
    assert text.startswith("12 trails (<b>car</b>: 12)")
    for name in ("min_trails 10", "heat_scale log", "doi:10.1109/TPAMI.2013.172"):
        assert name in text
    assert "not a probability" in whole.section("Limits").text
    assert not whole.section("Scene").all("b")[4:]


# files


def test_results_are_only_read(results):
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in results.iterdir()}
    assert sorted(uai.write_report(results)) == ["methods.txt", "report.html"]
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in results.iterdir()}
    assert {n: after[n] for n in before} == before
    assert sorted(after.keys() - before.keys()) == ["methods.txt", "report.html"]


def test_the_same_results_give_the_same_page(results):
    uai.write_report(results)
    first = (results / "report.html").read_bytes()
    uai.write_report(results)
    assert (results / "report.html").read_bytes() == first


def test_the_next_run_removes_the_report_of_the_one_before(results):
    uai.write_report(results)
    with uai.results.results_folder(results) as partial:
        (partial / "run.json").write_text("{}")
    assert not (results / "report.html").exists()
    assert not (results / "methods.txt").exists()


def test_files_of_that_name_that_belong_to_the_user_stay(results):
    (results / "report.html").write_text("<p>mine</p>")
    (results / "methods.txt").write_text("mine")
    with uai.results.results_folder(results) as partial:
        (partial / "run.json").write_text("{}")
    assert (results / "report.html").read_text() == "<p>mine</p>"
    assert (results / "methods.txt").read_text() == "mine"


def test_a_page_that_cannot_be_written_leaves_nothing(results, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match=r"taken"):
        uai.write_report(results, tmp_path / "taken" / "page.html")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("name", ["report.html", "methods.txt"])
def test_files_of_the_user_are_not_replaced(results, name):
    (results / name).write_text("mine")
    with pytest.raises(BadValueError, match=f"{name} exists and is not part of an earlier report"):
        uai.write_report(results)
    assert (results / name).read_text() == "mine"
    (results / name).unlink()
    uai.write_report(results)
    (results / "methods.txt").write_text("edited")
    uai.write_report(results)
    assert (results / "methods.txt").read_text("utf-8") != "edited"


def test_the_page_must_be_html(results):
    with pytest.raises(BadValueError, match=r"must end in \.html"):
        uai.write_report(results, results / "run.json")


# files from strangers


def test_names_from_files_are_text(results, parse):
    changed_record(
        results,
        input__name=NASTY,
        input__history=[NASTY],
        input__reading={"format": NASTY, "given": {NASTY: NASTY}},
        recipe={"name": NASTY, "description": NASTY},
        written=NASTY,
        problems=[NASTY],
        versions={NASTY: NASTY, "napari-uai": NASTY, "python": NASTY, "numpy": NASTY},
    )
    record = json.loads((results / "run.json").read_text("utf-8"))
    for stage in record["stages"]:
        stage |= {"name": NASTY, "use": NASTY, "input": [NASTY], "weights_sha256": NASTY}
        stage["parameters"] |= {NASTY: NASTY, "list": [[NASTY]], "table": {"a": NASTY}}
    (results / "run.json").write_text(json.dumps(record), "utf-8")
    table = pd.read_csv(results / "landings.csv")
    table.assign(kind=NASTY.rstrip("\ud800")).to_csv(results / "landings.csv", index=False)
    whole = report_of(results, parse)
    assert len(whole.all("script")) == 1
    assert '"><script>alert(1)</script>' in whole.text
    html = (results / "report.html").read_text("utf-8")
    assert "<script>alert" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input__shape": [1, 2]}, "damaged"),
        ({"input__shape": ["a", 1, 2]}, "damaged"),
        ({"stages": {}}, "damaged"),
        ({"found": None}, "damaged"),
        ({"format": "other"}, "not the record"),
    ],
)
def test_records_that_were_edited_are_one_line(results, changes, message):
    changed_record(results, **changes)
    with pytest.raises(BadValueError, match=message) as caught:
        uai.write_report(results)
    assert "\n" not in str(caught.value)
    assert not (results / "report.html").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1e999999}'],
)
def test_records_that_are_none_are_one_line(results, content):
    (results / "run.json").write_bytes(content)
    with pytest.raises(BadValueError, match=r"run\.json"):
        uai.write_report(results)


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"\0\0\0", b"landing,raw_frame,y,x,contrast,score\na,b,c,d,e,f\n",
     b"x" * 10**6, b'landing,raw_frame,y,x,contrast,score\n"' + b"1" * 1000],
)  # fmt: skip
def test_tables_that_are_none_are_one_line(results, content):
    (results / "landings.csv").write_bytes(content)
    with pytest.raises(BadValueError, match=r"landings\.csv"):
        uai.write_report(results)


def test_a_table_that_is_missing_is_said(results):
    (results / "traces.csv").unlink()
    with pytest.raises(BadValueError, match=r"traces\.csv not found"):
        uai.write_report(results)


def test_a_picture_that_is_none_is_one_line(results):
    (results / "summary.png").write_bytes(b"<svg onload='alert(1)'/>")
    with pytest.raises(BadValueError, match=r"summary\.png"):
        uai.write_report(results)


def test_extreme_sizes_are_written_quickly(results, parse):
    changed_record(results, input__shape=[10**9, 10**9, 1], input__frame_rate_hz=1e-300,
                   input__pixel_size_um=1e300)  # fmt: skip
    report_of(results, parse)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1.0, 10**399])
def test_scales_that_are_none_are_not_known(results, parse, value):
    changed_record(results, input__frame_rate_hz=value, input__pixel_size_um=value)
    if value == 10**399:
        with pytest.raises(BadValueError, match="damaged"):
            report_of(results, parse)
        return
    facts = report_of(results, parse).section("Recording").text
    assert facts.count("not known") == 2


def test_large_parameters_are_printed_shortened(results, parse):
    record = json.loads((results / "run.json").read_text())
    record["stages"][2]["parameters"] = {"batch_size": 10**399, "axes": [10**399] * 99}
    (results / "run.json").write_text(json.dumps(record))
    report_of(results, parse)


@pytest.mark.parametrize("name", ["summary.png", "landings.csv", "traces.csv", "run.json"])
def test_links_are_not_followed(results, tmp_path, name):
    (results / name).rename(tmp_path / name)
    (results / name).symlink_to(tmp_path / name)
    with pytest.raises(BadValueError, match=f"{name} is a link"):
        uai.write_report(results)


def test_problems_of_trails_name_their_file(trail_results, tmp_path, parse):
    folder = tmp_path / "trails"
    shutil.copytree(trail_results, folder)
    row = {"file": "a.csv", "trail": "7", "problem": "1 sample outside the picture: dropped"}
    pd.DataFrame([row]).to_csv(folder / "problems.csv", index=False)
    uai.write_report(folder, tmp_path / "a.html")
    page = parse((tmp_path / "a.html").read_text("utf-8"))
    assert "1 sample outside the picture: dropped" in page.section("Problems").text


def test_pictures_named_by_a_record_stay_in_the_folder(trail_results, tmp_path, parse):
    folder = tmp_path / "trails"
    shutil.copytree(trail_results, folder)
    shutil.copy(folder / "tiles.png", tmp_path / "top_secret.png")
    record = json.loads((folder / "run.json").read_text())
    record["classes"]["<b>car</b>"]["files"] = ["top_/../../top_secret.png", "../top_secret.png"]
    record["files"] += record["classes"]["<b>car</b>"]["files"]
    (folder / "run.json").write_text(json.dumps(record))
    assert len(report_of(folder, parse).section("Trails").all("img")) == 1  # the tiles
