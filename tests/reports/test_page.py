"""The page: complete by itself, honest about what is missing, safe with what users write."""

from __future__ import annotations

import base64
import io
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from dbsweep.config.schema import Experiment
from dbsweep.records.choice import Overrule
from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.data import report_data
from dbsweep.reports.grids import AS_USUAL
from dbsweep.reports.page import cell_size, render_report
from tests.reports.synthetic import Synthetic, plain_drawing

VOID = {"meta", "link", "img", "br", "hr", "input"}


def opened(path: Path) -> Image.Image:
    """An image as RGB, its file closed again."""
    with Image.open(path) as image:
        return image.convert("RGB")


class Document(HTMLParser):
    """Collects tags with their attributes, and checks that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.words.append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def rendered(record: RunRecord, run_folder: Path, out: Path) -> Document:
    document = Document(render_report(report_data(record, run_folder), out).read_text(encoding="utf-8"))
    assert document.stack == []
    return document


@pytest.fixture(scope="module")
def page(record: RunRecord, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    return rendered(record, run_folder, tmp_path_factory.mktemp("report"))


def test_each_place_says_which_scores_of_a_checkpoint_it_shows(page: Document, record: RunRecord) -> None:
    """One checkpoint has several priors: smoothed, at its look, and over the race's images."""
    assert record.choice is not None
    seeds = {image.seed for image in record.card_of(record.choice.best.checkpoint).images}
    for told in (
        f"Its scores as measured, over {len(seeds)} images a prompt",
        "The choice and its runners-up scores smoothed",
        "of the base model's, smoothed.",
        "The scores below them are as measured.",
        "Scores of each trial's best checkpoint, smoothed along the training.",
        "all as measured while they trained",
        "All are smoothed along the training.",
        f"Verdict on {record.choice.best.trial} while it trained: ",
    ):
        assert told in page.text, told


def test_the_usual_cell_of_a_grid_is_marked(page: Document) -> None:
    assert page.values("class").count("usual") == 1
    assert f"CFG scale 7.5, weight of “ohwx man” 1: {AS_USUAL}" in page.text
    assert sum(AS_USUAL in caption for caption in page.values("data-caption")) == 1


def test_nothing_is_fetched_from_anywhere(page: Document) -> None:
    assert all(source.startswith("data:image/webp;base64,") for source in page.values("src"))
    assert all(link.startswith(("#", "data:,")) for link in page.values("href"))
    (policy,) = (attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert {tag for tag, _ in page.tags}.isdisjoint({"iframe", "object", "embed"})
    assert all("src" not in attrs for tag, attrs in page.tags if tag == "script")


def test_every_picture_decodes_and_has_words(page: Document) -> None:
    photos, comparisons, strips, cells = 12, 4 * 2 * 2, 3 * 4 * 7, 4 * 5
    assert len(page.values("src")) == photos + comparisons + strips + cells
    for source in set(page.values("src")):
        Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))).load()
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img" and "src" in attrs)


def test_links_lead_somewhere_and_ids_are_unique(page: Document) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)


def test_headings_leave_no_level_out(page: Document, record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    (man,) = Experiment.model_validate(record.experiment).model_dump(mode="json")["concepts"]
    prompts = {"instance_prompt": "photo of zwx man", "sanity_prompts": ["photo of zwx man, oil painting"]}
    two = {**record.experiment, "concepts": [man, {**man, "instance_token": "zwx", **prompts}]}
    of_two = rendered(record.model_copy(update={"experiment": two}), run_folder, tmp_path)
    for document in (page, of_two):
        levels = [int(tag[1]) for tag, _ in document.tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_paper_has_dark_letters_and_charts_side_by_side(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    text = render_report(report_data(record, run_folder), tmp_path).read_text(encoding="utf-8")
    printed = text.split("@media print {")[1].split("</style>")[0]
    assert re.search(r"\.panels \{ grid-template-columns: 1fr 1fr;", printed)
    assert re.search(r"body \{[^}]*background: none;", printed)
    assert ".data .why { display: none; }" in printed
    (whole,) = re.findall(r"([^{}]*) \{ break-inside: avoid; \}", printed)
    assert "#strips details" in whole  # no page ends with a strip's heading
    assert ".scores > div" in whole  # nor with a score whose bar is on the next
    assert "thead" in whole  # Chromium repeats it on each page that a table goes on to, without what is in buttons
    assert ".data th button { display: contents; }" in printed
    assert re.findall(r"@media ([^{]*dark[^{]*) \{", text) == ["screen and (prefers-color-scheme: dark)"]


def test_on_a_phone_a_trial_keeps_its_name_beside_its_verdict(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    text = render_report(report_data(record, run_folder), tmp_path).read_text(encoding="utf-8")
    narrow, printed = text.split("@media (max-width: 760px) {")[1].split("@media print {")
    assert re.search(r"\.sortable tr > :first-child \{ position: sticky;", narrow)
    assert re.search(r"\.sortable tr > :first-child \{ position: static;", printed)  # paper is narrow too


def test_notes_have_a_heading(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    plan = record.plan.model_copy(update={"notes": ("scheduler outrun: ends some",)})
    text = rendered(record.model_copy(update={"plan": plan}), run_folder, tmp_path).text
    assert "Notes Scheduler outrun: ends some." in text
    assert "notes" not in rendered(record, run_folder, tmp_path).values("class")


def test_when_and_where_begin_a_line_of_the_header(page: Document) -> None:
    """The last fact, mostly the machine, never stands alone on a line."""
    facts = page.text.index("Sweep 6 trials")
    assert facts < page.text.index("Started 22 November") < page.text.index("Machine workstation")
    assert page.values("class").count("course") == 1


def test_a_table_that_scrolls_is_reached_by_the_keyboard(page: Document) -> None:
    places = [attrs for _, attrs in page.tags if attrs.get("class") == "scroll"]
    assert len(places) > 4
    assert all((place.get("tabindex"), place.get("role")) == ("0", "region") for place in places)
    assert all(place.get("aria-label") for place in places)


def test_a_setting_is_not_broken_from_its_value(page: Document, record: RunRecord) -> None:
    assert "learning rate 2e-4" in page.text
    assert page.values("class").count("unbroken") == 2 * 3  # learning rate and epochs of each strip


def test_heads_of_tables_begin_alike(page: Document) -> None:
    heads = page.text.split("Scores of each trial's best checkpoint")[1].split("Why")[0].split("trained. ")[1]
    assert heads.strip() == "Trial Learning rate Epochs Verdict Utility Identity Style Prior Best epoch"


def test_tables_are_styled_and_their_heads_say_of_what(page: Document) -> None:
    assert all(attrs.get("class") for tag, attrs in page.tags if tag == "table")
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")


def test_before_the_end_the_page_says_when_there_will_be_a_choice(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    going = record.model_copy(update={"choice": None, "finished": None})
    assert "One is chosen when all trainings are over." in rendered(going, run_folder, tmp_path).text


def test_what_the_person_needs_is_there(page: Document, record: RunRecord) -> None:
    assert record.choice is not None
    best = record.choice.best
    for words in (
        f"{best.trial}, epoch {best.epoch}",
        record.choice.reason,
        "dbsweep export synthetic --out synthetic.safetensors",
        "dbsweep best synthetic --export synthetic-best",
        "base_model: minisd",
        "overtrained from here",
        "CFG scale",
        "How to read this page",
        record.verdicts["t006"].evidence,
        record.verdicts["t003"].evidence,  # in the table of trials alone
    ):
        assert words in page.text
    assert all(trial.id in page.text for trial in record.plan.trials)


def test_the_report_can_be_moved(record: RunRecord, tmp_path: Path) -> None:
    def large(*args: object) -> Image.Image:
        return plain_drawing(*args).resize((320, 320))  # type: ignore[arg-type]

    run = Synthetic(tmp_path / "run", rates=(2e-4,), epochs=(10,), draw=large)
    document = rendered(run.record, tmp_path / "run", tmp_path / "run/report")
    shutil.move(tmp_path / "run/report", tmp_path / "moved")
    shutil.rmtree(tmp_path / "run")
    originals = " ".join(document.values("data-originals")).split()
    assert len(originals) > 10
    for link in originals:
        assert opened(tmp_path / "moved" / link).size == (320, 320)
    assert all("run/" not in value for value in document.values("src"))


def test_what_users_write_cannot_become_markup(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    cards = {
        name: card.model_copy(
            update={"images": tuple(i.model_copy(update={"prompt": i.prompt + attack}) for i in card.images)}
        )
        for name, card in record.scorecards.items()
    }
    assert record.choice is not None
    hostile = record.model_copy(
        update={
            "name": "x" + attack,
            "scorecards": cards,
            "choice": record.choice.model_copy(update={"reason": attack}),
            "failures": {"b01": attack},
            "branch_states": {**record.branch_states, "b01": TrialState.FAILED},
            "hosts": {"b01": attack},
            "plan": record.plan.model_copy(update={"notes": (attack,)}),
            "grids": tuple(g.model_copy(update={"prompt": attack, "x_label": attack}) for g in record.grids),
        }
    )
    document = rendered(hostile, run_folder, tmp_path)
    assert len([tag for tag, _ in document.tags if tag == "script"]) == 1
    assert not any("onerror" in attrs for _, attrs in document.tags)
    assert attack in document.text


def test_missing_images_are_shown_as_missing(record: RunRecord, tmp_path: Path) -> None:
    document = rendered(record, tmp_path / "gone", tmp_path / "report")
    assert "missing base-0-420420.png" in document.text
    labels = [label for label in document.values("aria-label") if label.endswith("file missing")]
    assert any("ink poster style” by base model" in label for label in labels)


@pytest.mark.parametrize("taken", [0, 1])
def test_the_grids_tell_whose_choice_they_show(record: RunRecord, run_folder: Path, tmp_path: Path, taken: int) -> None:
    choice = record.choice
    assert choice is not None
    mine = Overrule(candidate=choice.candidates[taken], because="her smile", time=0.0)
    text = rendered(record.model_copy(update={"overrule": mine}), run_folder, tmp_path).text
    drawn = f"Drawn with {choice.best.trial}, epoch {choice.best.epoch}, which dbsweep recommends and you did not take"
    assert (drawn in text) is (choice.candidates[taken].checkpoint != choice.best.checkpoint)
    assert ("The chosen checkpoint over its grid" in text) is (drawn not in text)


def test_the_grids_tell_that_their_heads_say_which_checkpoint_draws(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    (one,) = record.grids
    assert record.choice is not None
    several = one.model_copy(
        update={
            "title": "several",
            "x_label": "checkpoint",
            "x_values": ("base", "epoch 40"),
            "checkpoints": ("base", record.choice.best.checkpoint),
            "cells": (tuple(row[:2] for row in one.cells[0]),),
        }
    )
    left = one.model_copy(update={"title": "left", "cells": (), "notes": ("without epoch 50: why",)})
    page = rendered(record.model_copy(update={"grids": (several, one, left)}), run_folder, tmp_path)
    assert "The chosen checkpoint over its grid: pick the cell you like" in page.text
    assert "Where a grid is over checkpoints, its heads say which one draws." in page.text
    assert "Without epoch 50: why. Nothing is left to draw." in " ".join(page.text.split())
    assert "epoch 40, chosen" in page.text
    heads = [attrs for tag, attrs in page.tags if tag == "th" and attrs.get("class") == "chosen"]
    assert len(heads) == 1
    alone = rendered(record.model_copy(update={"grids": (several, left)}), run_folder, tmp_path).text
    assert "The chosen checkpoint over its grid" not in alone
    assert "its heads say" not in alone


def test_a_grid_of_merges_tells_what_is_merged(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    (one,) = record.grids
    heads = tuple(f"m {m}" for m in (0, 0.25, 0.5, 0.75, 0.95))
    merges = one.model_copy(update={"x_label": "multiplier", "x_values": heads, "into": "protogen"})
    page = rendered(record.model_copy(update={"grids": (merges,)}), run_folder, tmp_path / "drawn").text
    told = "protogen + m × (checkpoint − base model); dbsweep merge writes the one that you like."
    assert told in " ".join(page.split())
    assert "m 0.95" in page
    left = merges.model_copy(update={"cells": (), "notes": ("not merged into protogen: why",)})
    page = rendered(record.model_copy(update={"grids": (left,)}), run_folder, tmp_path / "left").text
    assert "Not merged into protogen: why. Nothing is left to draw." in " ".join(page.split())
    assert "protogen + m" not in page


def test_a_run_without_a_choice_says_so(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    bare = record.model_copy(
        update={
            "choice": None,
            "scorecards": {},
            "verdicts": {},
            "grids": (),
            "logs": {},
            "finished": None,
            "states": dict.fromkeys(record.states, TrialState.PENDING),
        }
    )
    document = rendered(bare, run_folder, tmp_path)
    assert "No choice yet" in document.text
    assert "This run is not over: 6 trials of 6 to come." in document.text
    assert {link[1:] for link in document.values("href") if link.startswith("#")} <= set(document.values("id"))


def test_a_run_that_is_over_without_a_choice_promises_none(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    text = rendered(record.model_copy(update={"choice": None}), run_folder, tmp_path).text
    assert "Nothing to choose" in text
    assert "No choice yet" not in text


@pytest.mark.parametrize(("every", "size"), [(10, 128), (6, 96)])
def test_pixels_have_hard_edges_only_where_all_are_of_one_size(tmp_path: Path, every: int, size: int) -> None:
    """Images of 64 pixels: twice as large in strips of 7 columns, half as large again in those of 11."""
    run = Synthetic(tmp_path, rates=(2e-4,), epochs=(60,), every=every)
    document = rendered(run.record, tmp_path, tmp_path / "report")
    strip = [str(attrs["class"]) for tag, attrs in document.tags if tag == "img" and "first" in str(attrs.get("class"))]
    assert f"--cell:{size}px" in document.values("style")
    assert {"pixelated" in classes for classes in strip} == {size == 128}
    # The viewer enlarges four times, grid cells keep their two seeds' gap.
    assert any(style.startswith("--sheet:130;--zoom:4;--w:64;") for style in document.values("style"))
    zooms = [attrs for tag, attrs in document.tags if tag == "button" and attrs.get("class") == "zoom"]
    assert all("data-pixelated" in attrs for attrs in zooms)


def test_paper_leaves_out_the_evidence_that_would_run_over_its_edge(page: Document) -> None:
    why = [tag for tag, attrs in page.tags if "why" in str(attrs.get("class")).split()]
    assert why == ["th", *["td"] * 6]


def test_a_second_report_replaces_the_first(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/0001.png").write_bytes(b"of an earlier report")
    render_report(report_data(record, run_folder), tmp_path)
    render_report(report_data(record, run_folder), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "sheets"]


@pytest.mark.parametrize(("columns", "size"), [(3, 128), (9, 128), (10, 96), (11, 96), (14, 96), (30, 64)])
def test_cells_fit_the_page(columns: int, size: int) -> None:
    assert cell_size(columns) == size


def test_cells_leave_room_for_the_heads_of_their_rows(record: RunRecord, run_folder: Path) -> None:
    (table,) = report_data(record, run_folder).grids
    assert 22 * 6 < table.heads_width < 22 * 9, "weight of “ohwx man” ↓"
    # 8 cells of 128 pixels take 1072 of the page's 1216.
    assert [cell_size(8, beside) for beside in (0, 144, table.heads_width)] == [128, 128, 96]
