"""The ledger of one run: a SQLite file that the driver alone writes and that anyone may read meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import assert_never

from dbsweep.config.schema import Experiment
from dbsweep.errors import RunError
from dbsweep.execution.ledger.file import LedgerFile
from dbsweep.execution.ledger.record import read_record
from dbsweep.records.choice import Choice, Overrule
from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import BASE, TrialState
from dbsweep.records.plan import Plan
from dbsweep.records.results import Checkpoint, GridImage, Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.selection.trialbook import TrialNews

SCHEMA_VERSION = 3
"""Kept in SQLite's ``user_version``; a file of another version is refused, not guessed at."""


class Ledger:
    """What has happened in a run so far.

    Every method is one transaction; recording the same event twice leaves the same ledger. Safe to share
    between threads of one process.
    """

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    @classmethod
    def create(cls, path: Path, name: str, experiment: Experiment, plan: Plan) -> Ledger:
        """A new ledger in which every trial and branch is pending.

        Raises:
            RunError: the file exists already.
        """
        if path.exists():
            raise RunError(f"{path} exists already: choose another run name")
        ledger = cls(LedgerFile(path))
        schema = files("dbsweep.execution.ledger").joinpath("ledger.sql").read_text(encoding="utf-8")
        with ledger._file.using() as sql:
            sql.executescript(f"BEGIN; {schema} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        with ledger._file.writing() as sql:
            sql.execute(
                "INSERT INTO run (only_row, name, experiment, plan, started) VALUES (1, ?, ?, ?, ?)",
                (name, experiment.model_dump_json(), plan.model_dump_json(), time.time()),
            )
            _add_pending(sql, plan)
        return ledger

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Ledger:
        """An existing ledger; several readers may open it while the driver writes.

        Raises:
            RunError: no such file, damaged, or of another version of dbsweep.
        """
        if not path.is_file():
            raise RunError(f"{path} does not exist: there is no such run")
        ledger = cls(LedgerFile(path, read_only=read_only))
        with ledger._file.using() as sql:
            (version,) = sql.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            ledger.close()
            raise RunError(f"{path} has ledger version {version}, this dbsweep reads {SCHEMA_VERSION}: use its dbsweep")
        return ledger

    def extend(self, plan: Plan) -> None:
        """Keeps a plan that has grown; its new trials and branches are pending."""
        with self._file.writing() as sql:
            sql.execute("UPDATE run SET plan = ?", (plan.model_dump_json(),))
            _add_pending(sql, plan)

    def record(self, event: Event) -> None:
        """Writes what a worker reported, but for what it is at just now."""
        if isinstance(event, AtWork):
            return
        with self._file.writing() as sql:
            match event:
                case BranchStarted():
                    sql.execute(
                        "UPDATE branches SET state = ?, host = ?, pid = ?, reason = '' WHERE id = ?",
                        (TrialState.RUNNING.value, event.host, event.pid, event.branch),
                    )
                case CheckpointScored():
                    _record_checkpoint(sql, event)
                case BranchEnded():
                    sql.execute(
                        "UPDATE branches SET state = ?, last_step = ?, reason = ? WHERE id = ?",
                        (event.state.value, event.last_step, event.reason, event.branch),
                    )
                case _:
                    assert_never(event)

    def drop_weights(self, checkpoint_ids: Sequence[str]) -> None:
        """Notes that the weights of checkpoints are not kept; written before they go."""
        with self._file.writing() as sql:
            sql.executemany(
                "UPDATE checkpoints SET checkpoint = json_set(checkpoint, '$.kept', json('false')) WHERE id = ?",
                [(key,) for key in checkpoint_ids],
            )

    def set_base(self, scorecard: Scorecard, sha256: str | None = None) -> None:
        """Keeps the untrained model's scorecard under the id ``"base"``, and the SHA-256 of its weights."""
        with self._file.writing() as sql:
            sql.execute("UPDATE run SET base_sha256 = ?", (sha256,))
            sql.execute("INSERT OR REPLACE INTO scorecards VALUES (?, ?)", (BASE, scorecard.model_dump_json()))

    def add_looks(self, scorecards: Iterable[Scorecard]) -> None:
        """Keeps the first looks at checkpoints that were passed over while they were trained, all at once."""
        with self._file.writing() as sql:
            rows = [(card.checkpoint, card.model_dump_json()) for card in scorecards]
            sql.executemany("INSERT OR REPLACE INTO scorecards VALUES (?, ?)", rows)

    def add_further(self, images_per_prompt: int, scorecard: Scorecard) -> None:
        """Keeps a scorecard of the race beside that of the first look."""
        row = (scorecard.checkpoint, images_per_prompt, scorecard.model_dump_json())
        with self._file.writing() as sql:
            sql.execute("INSERT OR REPLACE INTO further_scorecards VALUES (?, ?, ?)", row)

    def drop_further(self, images_per_prompt: int) -> None:
        """Forgets a round of the race that could not be ended."""
        with self._file.writing() as sql:
            sql.execute("DELETE FROM further_scorecards WHERE images_per_prompt = ?", (images_per_prompt,))

    def update_trials(self, news: Iterable[TrialNews]) -> None:
        """Says what an event changed about trials, all in one transaction: it may be thousands of them."""
        news = tuple(news)
        states = [(each.state.value, each.trial) for each in news if each.state is not None]
        shared = {id(each.verdict): each.verdict for each in news if each.verdict is not None}
        texts = {key: verdict.model_dump_json() for key, verdict in shared.items()}
        verdicts = [(texts[id(each.verdict)], each.trial) for each in news if each.verdict is not None]
        if states or verdicts:
            with self._file.writing() as sql:
                sql.executemany("UPDATE trials SET state = ? WHERE id = ?", states)
                sql.executemany("UPDATE trials SET verdict = ? WHERE id = ?", verdicts)

    def set_choice(self, choice: Choice) -> None:
        """Keeps the recommendation of the sweep."""
        with self._file.writing() as sql:
            sql.execute("UPDATE run SET choice = ?", (choice.model_dump_json(),))

    def set_overrule(self, overrule: Overrule) -> None:
        """Keeps the person's own choice beside the recommendation; earlier ones stay in the file."""
        with self._file.writing() as sql:
            sql.execute("INSERT INTO overrules (overrule) VALUES (?)", (overrule.model_dump_json(),))

    def add_grid(self, grid: GridImage) -> None:
        """Appends a drawn grid; one of the same title is replaced."""
        with self._file.writing() as sql:
            sql.execute("DELETE FROM grids WHERE json_extract(grid, '$.title') = ?", (grid.title,))
            sql.execute("INSERT INTO grids (grid) VALUES (?)", (grid.model_dump_json(),))

    def finish(self) -> None:
        """Notes the time at which the run ended."""
        with self._file.writing() as sql:
            sql.execute("UPDATE run SET finished = ?", (time.time(),))

    def read(self) -> RunRecord:
        """Everything that is known, as of one moment."""
        with self._file.using() as sql:
            sql.execute("BEGIN")
            try:
                return read_record(sql)
            finally:
                sql.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _add_pending(sql: sqlite3.Connection, plan: Plan) -> None:
    """The trials and branches of a plan that are not there yet."""
    for table, records in (("trials", plan.trials), ("branches", plan.branches)):
        rows = [(each.id, TrialState.PENDING.value) for each in records]
        sql.executemany(f"INSERT OR IGNORE INTO {table} (id, state) VALUES (?, ?)", rows)


def _record_checkpoint(sql: sqlite3.Connection, event: CheckpointScored) -> None:
    checkpoint = event.checkpoint
    known = sql.execute("SELECT checkpoint FROM checkpoints WHERE id = ?", (checkpoint.id,)).fetchone()
    if known is not None:  # told again by a branch that was started again: what was dropped stays dropped
        checkpoint = checkpoint.model_copy(update={"kept": Checkpoint.model_validate_json(known[0]).kept})
    sql.execute(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            checkpoint.id,
            checkpoint.branch,
            checkpoint.step,
            checkpoint.sha256,
            checkpoint.model_dump_json(),
            event.log.model_dump_json(),
            event.verdict.model_dump_json() if event.verdict is not None else None,
        ),
    )
    sql.execute("UPDATE branches SET last_step = max(last_step, ?) WHERE id = ?", (checkpoint.step, checkpoint.branch))
    if event.scorecard is not None:
        sql.execute(
            "INSERT OR REPLACE INTO scorecards VALUES (?, ?)", (checkpoint.id, event.scorecard.model_dump_json())
        )
