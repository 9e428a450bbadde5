"""A run record with three trials, its pictures on the disk."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from dbsweep.config.schema import Experiment
from dbsweep.records.choice import Candidate, Choice
from dbsweep.records.names import Metric, PromptKind, TrialState, VerdictState
from dbsweep.records.plan import Branch, Cost, Milestone, Plan, Trial, TrialPath
from dbsweep.records.results import Checkpoint, SampleImage, Score, Scorecard, StepLog, StepSeries, Verdict
from dbsweep.records.run import RunRecord

STARTED = 1_800_000_000.0


def make_record(run: Path, *, steps: int = 3, finished: bool = False, **changes: object) -> RunRecord:
    """t001 is the first two checkpoints of branch b01, t002 all three, t003 never starts; ``steps`` are reached."""
    reached = [10 * (index + 1) for index in range(steps)]
    checkpoints = {f"b01-{step:06d}": _checkpoint(step) for step in reached}
    record = RunRecord(
        name="demo",
        experiment=_experiment().model_dump(mode="json"),
        plan=_plan(),
        states={
            "t001": TrialState.COMPLETED if steps >= 2 else TrialState.RUNNING,
            "t002": TrialState.COMPLETED if steps >= 3 else TrialState.RUNNING,
            "t003": TrialState.PENDING,
        },
        branch_states={"b01": TrialState.RUNNING},
        failures={},
        checkpoints=checkpoints,
        logs={name: _log(checkpoint.step) for name, checkpoint in checkpoints.items()},
        scorecards={name: _card(run, checkpoint) for name, checkpoint in checkpoints.items()},
        verdicts={"t001": Verdict(state=VerdictState.OVERTRAINED, onset_step=10, evidence="style fell")},
        choice=_choice() if finished else None,
        grids=(),
        base_sha256="ba5e" * 16,
        started=STARTED,
        finished=STARTED + 60 if finished else None,
    )
    return record.model_copy(update=changes)


def _experiment() -> Experiment:
    return Experiment.model_validate(
        {
            "name": "demo",
            "base_model": "minisd",
            "concepts": [
                {
                    "instance_images": "/photos",
                    "instance_token": "ohwx",
                    "class_token": "man",
                    "instance_prompt": "photo of ohwx man",
                    "class_prompt": "photo of man",
                    "sanity_prompts": ["photo of ohwx man, ink poster style"],
                }
            ],
            "tracking": {"uri": "http://user:secret@127.0.0.1:9/"},
        }
    )


def _plan() -> Plan:
    branch = Branch(
        id="b01",
        parent=None,
        fork_step=0,
        stages=("s",),
        milestones=tuple(Milestone(step=10 * e, epoch=e, evaluate=True, fork=False) for e in (1, 2, 3)),
        trials=("t001", "t002"),
        settings={"epochs": 3, "learning_rate": 1e-4},
        text_encoder_steps=0,
    )
    return Plan(
        steps_per_epoch=10,
        trials=tuple(
            Trial(id=f"t00{index}", settings={"epochs": index + 1, "learning_rate": 1e-4}) for index in (1, 2, 3)
        ),
        stages=(),
        branches=(branch,),
        paths=tuple(
            TrialPath(trial=f"t00{index}", segments=(("b01" if index < 3 else "b02", end),), end_step=end)
            for index, end in ((1, 20), (2, 30), (3, 40))
        ),
        cost=Cost(steps_alone=50, steps_shared=30, images=0, disk_bytes=0, seconds=None),
    )


def _checkpoint(step: int) -> Checkpoint:
    name = f"b01-{step:06d}"
    return Checkpoint(id=name, branch="b01", step=step, epoch=step // 10, path=name, sha256="ab" * 32, bytes=1)


def _log(step: int) -> StepLog:
    return StepLog(
        step=step,
        loss=1 / step,
        instance_loss=float("nan"),
        prior_loss=0.1,
        learning_rate=1e-4,
        grad_norm=1.0,
        steps_per_s=5.0,
        memory_bytes=1,
        text_encoder_learning_rate=5e-5,
        images_per_s=10.0,
        series=StepSeries(
            steps=(step - 5, step),
            loss=(0.5, 1 / step),
            instance_loss=(0.2, 0.1),
            prior_loss=(0.3, 0.1),
            grad_norm=(2.0, 1.0),
            learning_rate=(1e-4, 1e-4),
            text_encoder_learning_rate=(5e-5, 0.0),
            images_per_s=(9.0, 11.0),
        ),
    )


def _card(run: Path, checkpoint: Checkpoint) -> Scorecard:
    images = []
    for place, (kind, seed) in enumerate((k, s) for k in (PromptKind.INSTANCE, PromptKind.CLASS) for s in (1, 2)):
        path = run / "images" / f"{checkpoint.id}-{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            Image.new("RGB", (64, 64), (60 * place, 10, 10)).save(path)
        images.append(
            SampleImage(
                path=path.relative_to(run).as_posix(), prompt="photo", kind=kind, concept=0, prompt_index=0, seed=seed
            )
        )
    value = checkpoint.step / 100
    return Scorecard(
        checkpoint=checkpoint.id,
        scores={metric: Score(value=value, low=value, high=value, samples=(value,)) for metric in Metric},
        images=tuple(images),
    )


def _choice() -> Choice:
    best = Candidate(
        trial="t002",
        checkpoint="b01-000020",
        step=20,
        epoch=2,
        identity=0.2,
        style=0.2,
        prior=0.2,
        utility=0.2,
        on_front=True,
    )
    return Choice(best=best, reason="the earliest within one standard error", candidates=(best,))
