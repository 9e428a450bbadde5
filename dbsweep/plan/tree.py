"""The tree of stages: a trie over the steps of all trials, with equal steps in a row as one stage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dbsweep.plan.courses import Course, Phase
from dbsweep.records.plan import Stage


@dataclass(slots=True, eq=False)
class Node:
    """A stage while the tree is built.

    Attributes:
        stage_id: see `dbsweep.records.plan.Stage`.
        start, end: the steps ``start + 1 … end`` are trained here.
        phase: of these steps.
        courses: all that lead through it, in the order of the trials.
        ended: those of them that end with it.
        reach: the last step of the longest course through it.
    """

    stage_id: str
    parent: Node | None
    start: int
    end: int
    phase: Phase
    courses: tuple[Course, ...]
    ended: tuple[Course, ...]
    reach: int
    children: list[Node] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        """The same for all courses that share a stage, because the batch size is in their key."""
        return self.courses[0].steps_per_epoch

    @property
    def steps(self) -> int:
        """Optimizer steps that are trained here."""
        return self.end - self.start

    def record(self) -> Stage:
        """The stage as it passes between rooms."""
        return Stage(
            id=self.stage_id,
            parent=None if self.parent is None else self.parent.stage_id,
            start_step=self.start,
            end_step=self.end,
            text_encoder_trains=self.phase.text_encoder_trains,
            rate=self.phase.rate,
            trials=tuple(course.trial.id for course in self.courses),
        )


def grow_tree(courses: Sequence[Course], *, share: bool = True, planting: str = "") -> tuple[Node, ...]:
    """All stages of a set of courses, parents before children; without `share` every course has its own.

    Trees of different `planting` have no stage in common, although they may train the same steps.

    Each stage reaches to the next step at which one of its courses ends or changes its phase, so the work is in
    proportion to the stages on all courses together, not to steps or pairs of trials.
    """
    nodes: list[Node] = []
    waiting: list[tuple[Node | None, int, Sequence[Course]]] = [(None, 0, courses)]
    while waiting:
        parent, start, group = waiting.pop()
        for members in _alike(group, start) if share else [[course] for course in group]:
            node = _new_node(parent, start, members, share=share, planting=planting)
            nodes.append(node)
            if parent is not None:
                parent.children.append(node)
            rest = [course for course in members if course.steps > node.end]
            if rest:
                waiting.append((node, node.end, rest))
    return tuple(nodes)


def _alike(group: Iterable[Course], step: int) -> list[list[Course]]:
    """Courses whose next step is the same, given that all before it were."""
    alike: dict[tuple[str, int | None, Phase], list[Course]] = {}
    for course in group:
        next_step = (course.key, course.schedule_epochs, course.span_from(step)[0])
        alike.setdefault(next_step, []).append(course)
    return list(alike.values())


def _new_node(parent: Node | None, start: int, members: Sequence[Course], *, share: bool, planting: str) -> Node:
    phase = members[0].span_from(start)[0]
    end = min(course.span_from(start)[1] for course in members)
    assert end > start, "a stage without a step would never let the tree end"
    ancestry = planting if parent is None else parent.stage_id
    first = members[0]
    owner = "" if share else f" {first.trial.id}"
    identity = f"{ancestry} {first.key} {first.schedule_epochs} {phase} {start} {end}{owner}"
    return Node(
        stage_id=hashlib.sha256(identity.encode()).hexdigest()[:12],
        parent=parent,
        start=start,
        end=end,
        phase=phase,
        courses=tuple(members),
        ended=tuple(course for course in members if course.steps == end),
        reach=max(course.steps for course in members),
    )
