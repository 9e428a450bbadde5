"""Small plans, for what their trees share."""

from __future__ import annotations

from typing import Any

from dbsweep.plan.plan import make_plan
from dbsweep.records.plan import Plan, TrialPath
from tests.plan.experiments import experiment

PHOTOS = 3


def plan_of(**changes: Any) -> Plan:
    return make_plan(experiment(**changes), [PHOTOS])


def path_of(plan: Plan, trial: str) -> TrialPath:
    return next(path for path in plan.paths if path.trial == trial)
