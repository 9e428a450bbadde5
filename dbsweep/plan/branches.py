"""The tree of stages as branches, chains that one worker trains in one go, and each trial's way along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbsweep.config.schema import Experiment
from dbsweep.plan.looks import look_every_of
from dbsweep.plan.tree import Node
from dbsweep.records.plan import Branch, Milestone, TrialPath


@dataclass(frozen=True, slots=True)
class _Chain:
    """Stages of a future branch; `parent` is the place in the list of chains of the one it forks from."""

    nodes: tuple[Node, ...]
    parent: int | None

    @property
    def fork_step(self) -> int:
        return self.nodes[0].start

    @property
    def last(self) -> Node:
        return self.nodes[-1]


def make_branches(
    nodes: Sequence[Node], experiment: Experiment, *, earlier: int = 0
) -> tuple[tuple[Branch, ...], tuple[TrialPath, ...]]:
    """Branches, parents before children, and the path of every trial, by trial id.

    Where stages part, the longest continuation stays on the branch and the others fork from its checkpoint.

    Args:
        nodes: the tree, parents before children.
        experiment: checkpoints are at multiples of its `every_epochs` and at the end of every trial; there and at every
            `look_every`-th of the others they are drawn and scored.
        earlier: branches that have their numbers already.
    """
    chains = _chains(nodes)
    width = max(2, len(str(earlier + len(chains))))
    ids = [f"b{number:0{width}d}" for number in range(earlier + 1, earlier + len(chains) + 1)]
    look_every = look_every_of(experiment)
    every_epochs = experiment.evaluate.every_epochs
    branches = tuple(
        _branch(chain, ids, own, _milestones(chain, every_epochs, look_every))
        for chain, own in zip(chains, ids, strict=True)
    )
    return branches, _paths(chains, ids)


def _chains(nodes: Sequence[Node]) -> list[_Chain]:
    chains: list[_Chain] = []
    waiting: list[tuple[Node, int | None]] = [(node, None) for node in reversed(nodes) if node.parent is None]
    while waiting:
        head, parent = waiting.pop()
        chain, forks = [head], []
        while chain[-1].children:
            # max takes the first of equals, so the order of the trials decides.
            longest = max(chain[-1].children, key=lambda child: child.reach)
            forks += [child for child in chain[-1].children if child is not longest]
            chain.append(longest)
        waiting += [(fork, len(chains)) for fork in reversed(forks)]
        chains.append(_Chain(tuple(chain), parent))
    return chains


def _branch(chain: _Chain, ids: Sequence[str], own: str, milestones: tuple[Milestone, ...]) -> Branch:
    last = chain.last
    # All courses that end here have the same weights; the first one stands for them.
    course = last.ended[0]
    return Branch(
        id=own,
        parent=None if chain.parent is None else ids[chain.parent],
        fork_step=chain.fork_step,
        stages=tuple(node.stage_id for node in chain.nodes),
        milestones=milestones,
        trials=tuple(sorted(course.trial.id for node in chain.nodes for course in node.ended)),
        settings=course.trial.settings,
        text_encoder_steps=course.text_encoder_epochs * course.steps_per_epoch,
    )


def _milestones(chain: _Chain, every_epochs: int, look_every: int) -> tuple[Milestone, ...]:
    last, per_epoch = chain.last, chain.last.steps_per_epoch
    every = every_epochs * per_epoch
    first = chain.fork_step - chain.fork_step % every + every
    regular = range(first, last.end + 1, every)
    looks = {step for step in regular if step // every % look_every == 0}
    looks |= {node.end for node in chain.nodes if node.ended}
    forks = {node.end for node in chain.nodes if len(node.children) > 1}
    return tuple(
        Milestone(step=step, epoch=step // per_epoch, evaluate=step in looks, fork=step in forks)
        for step in sorted(looks.union(regular, forks))
    )


def _paths(chains: Sequence[_Chain], ids: Sequence[str]) -> tuple[TrialPath, ...]:
    before: list[tuple[tuple[str, int], ...]] = []
    paths: list[TrialPath] = []
    for chain, own in zip(chains, ids, strict=True):
        parent = chain.parent
        before.append(() if parent is None else (*before[parent], (ids[parent], chain.fork_step)))
        paths += [
            TrialPath(trial=course.trial.id, segments=(*before[-1], (own, node.end)), end_step=node.end)
            for node in chain.nodes
            for course in node.ended
        ]
    return tuple(sorted(paths, key=lambda path: path.trial))
