"""What the tables of a ledger say, as one record: a query for each of its fields."""

from __future__ import annotations

import json
import sqlite3
from typing import TypeVar

from dbsweep.records.choice import Choice, Overrule
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Plan
from dbsweep.records.record import Record
from dbsweep.records.results import Checkpoint, GridImage, Scorecard, StepLog, Verdict
from dbsweep.records.run import RunRecord

_Kept = TypeVar("_Kept", bound=Record)

_RUN = "SELECT name, experiment, plan, started, finished, choice, base_sha256 FROM run"
_TRIAL_STATES = "SELECT id, state FROM trials ORDER BY rowid"
_BRANCH_STATES = "SELECT id, state FROM branches ORDER BY rowid"
_FAILURES = "SELECT id, reason FROM branches WHERE reason != '' ORDER BY rowid"
_HOSTS = "SELECT id, host FROM branches WHERE host IS NOT NULL ORDER BY rowid"
_CHECKPOINTS = "SELECT id, checkpoint FROM checkpoints ORDER BY branch, step"
_LOGS = "SELECT id, log FROM checkpoints ORDER BY branch, step"
_SCORECARDS = "SELECT checkpoint, scorecard FROM scorecards"
_ROUNDS = "SELECT DISTINCT images_per_prompt FROM further_scorecards ORDER BY images_per_prompt"
_FURTHER = "SELECT checkpoint, scorecard FROM further_scorecards WHERE images_per_prompt = ? ORDER BY checkpoint"
_VERDICTS = "SELECT id, verdict FROM trials WHERE verdict IS NOT NULL ORDER BY rowid"
_OVERRULE = "SELECT overrule FROM overrules ORDER BY position DESC LIMIT 1"
_GRIDS = "SELECT grid FROM grids ORDER BY position"


def read_record(sql: sqlite3.Connection) -> RunRecord:
    """Everything that is known, of one moment where this is within a transaction.

    Raises:
        ValueError: what is there is no run, or no record of this version.
        sqlite3.Error: the file is damaged.
    """
    run = sql.execute(_RUN).fetchone()
    if run is None:
        raise ValueError("it holds no run")
    name, experiment, plan, started, finished, choice, base_sha256 = run
    overrule = sql.execute(_OVERRULE).fetchone()
    return RunRecord(
        name=name,
        experiment=json.loads(experiment),
        plan=Plan.model_validate_json(plan),
        states=_states(sql, _TRIAL_STATES),
        branch_states=_states(sql, _BRANCH_STATES),
        failures=dict(sql.execute(_FAILURES)),
        checkpoints=_records(Checkpoint, sql, _CHECKPOINTS),
        logs=_records(StepLog, sql, _LOGS),
        scorecards=_records(Scorecard, sql, _SCORECARDS),
        further={images: _records(Scorecard, sql, _FURTHER, images) for (images,) in sql.execute(_ROUNDS).fetchall()},
        verdicts=_records(Verdict, sql, _VERDICTS),
        choice=Choice.model_validate_json(choice) if choice is not None else None,
        overrule=Overrule.model_validate_json(overrule[0]) if overrule is not None else None,
        grids=tuple(GridImage.model_validate_json(text) for (text,) in sql.execute(_GRIDS)),
        base_sha256=base_sha256,
        hosts=dict(sql.execute(_HOSTS)),
        started=started,
        finished=finished,
    )


def _states(sql: sqlite3.Connection, query: str) -> dict[str, TrialState]:
    return {key: TrialState(state) for key, state in sql.execute(query)}


def _records(kind: type[_Kept], sql: sqlite3.Connection, query: str, *values: int) -> dict[str, _Kept]:
    """What a query finds as (id, record)."""
    return {key: kind.model_validate_json(text) for key, text in sql.execute(query, values)}
