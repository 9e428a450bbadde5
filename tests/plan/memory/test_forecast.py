"""What a person reads about memory: whether training fits, and what makes it fit."""

from __future__ import annotations

from dbsweep.plan.memory.fitting import fit
from dbsweep.plan.memory.forecast import forecast_without_device
from dbsweep.plan.memory.needs import Device
from dbsweep.plan.memory.training import GIB
from tests.plan.devices import SD1, gpu, sd1
from tests.plan.experiments import experiment


def test_what_can_never_fit_is_told_with_what_would_help():
    first, second = fit(sd1(), gpu(11)).notes
    assert "gradient_checkpointing true" in first
    assert "does not fit and will probably run out of memory" in second
    assert "train.lora_rank 8, a LoRA instead of the whole networks" in second
    assert "or evaluate.encoder ViT-B-32/openai, a smaller CLIP that scores" in fit(sd1("as_given"), gpu(18.5)).notes[0]
    (hopeless,) = fit(sd1("as_given"), gpu(3)).notes
    assert "only a lower train.resolution (now 512), a smaller base model or more memory may make it fit" in hopeless


def test_a_whole_gpu_is_advised_where_a_share_does_not_do():
    shared = sd1(train={"batch_size": 4})
    shared = shared.model_copy(update={"resources": shared.resources.model_copy(update={"gpus_per_trial": 0.5})})
    advice = "resources.gpus_per_trial 1, no other trial on the same GPU (13.7 GB)"
    assert advice in fit(shared, gpu(12)).notes[1]
    assert "gpus_per_trial" not in fit(shared, gpu(6)).notes[1]
    assert "gpus_per_trial" not in fit(sd1(train={"batch_size": 4}), gpu(12)).notes[1]


def test_auto_is_not_advised_for_what_it_would_leave_alone():
    (one, *_) = fit(sd1("as_given", train={"batch_size": 16}), gpu(16)).notes
    assert "train.memory auto, which may take precision bf16, optimizer adamw_8bit, batch_size 2" in one
    swept = sd1("as_given", search={"batch_size": [1, 16], "optimizer": ["adamw"]})
    (largest, *_) = fit(swept, gpu(16)).notes
    assert "batch_size 16" in largest
    assert "train.memory auto" not in largest


def test_auto_is_advised_with_the_line_that_it_would_keep():
    (note,) = fit(sd1("as_given", train={"optimizer": "adamw"}), gpu(16)).notes
    assert "train.memory auto without the line train.optimizer, which may take optimizer adamw_8bit (" in note


def test_a_gpu_that_nobody_knows_is_asked_for():
    (note,) = fit(sd1("as_given"), None).notes
    assert "set resources.gpu_memory_gb to see whether that fits" in note
    assert fit(experiment(), None).notes == ()


def test_a_cpu_with_room_is_not_worth_a_word():
    cpu = Device(memory_bytes=16 * GIB, name="16 GB")
    assert fit(experiment(), cpu).notes == ()
    assert "does not fit" in fit(experiment(base_model=SD1), cpu).notes[0]


LARGE_PICTURES = {"lora_rank": 8, "resolution": 1024, "text_encoder_ratio": 0, "class_images_per_instance": 0}
SMALL_ENCODER = {"encoder": "ViT-B-32/openai"}


def test_a_checkpoint_that_takes_more_to_draw_than_to_train_is_told_as_such():
    """Trials of small photos, all of whose checkpoints are drawn at the resolution of `train`."""
    swept = sd1("as_given", train=LARGE_PICTURES, evaluate=SMALL_ENCODER, search={"resolution": [512]})
    (short,) = fit(swept, gpu(8)).notes
    assert short.startswith(
        "memory: drawing a checkpoint needs about 8.5 GB of the GPU's 8 GB (weights 4.0, picture 3.0, "
    )
    assert ", more than training, which needs 7.9 GB: does not fit" in short
    assert short.endswith(
        "what makes it fit: train.memory auto, which may take precision bf16 (5.5 GB);"
        " or train.resolution 896, at which all is drawn (7.9 GB)"
    )
    assert fit(swept, gpu(9)).notes[0].endswith(": fits")
    assert next(forecast_without_device(swept)).startswith(
        "memory: drawing a checkpoint needs about 8.5 GB (weights 4.0, "
    )


def test_a_resolution_that_is_advised_fits():
    """Also where it is trained too."""
    train = {**LARGE_PICTURES, "gradient_checkpointing": True, "precision": "bf16"}
    (short,) = fit(sd1("as_given", train=train, evaluate=SMALL_ENCODER), gpu(5)).notes
    advised = int(short.rpartition("train.resolution ")[2].partition(",")[0])
    for side, fits in ((advised, True), (advised + 64, False)):
        smaller = sd1("as_given", train={**train, "resolution": side}, evaluate=SMALL_ENCODER)
        assert fit(smaller, gpu(5)).notes[0].endswith(": fits") is fits


def test_of_many_needs_the_largest_are_told_and_the_rest_counted():
    notes = fit(sd1("as_given", search={"resolution": [*range(256, 1024, 64)]}), gpu(80)).notes
    told = [note.partition(" needs ")[0] for note in notes[:-1]]
    assert told == [f"memory: training (resolution {side})" for side in (960, 896, 832, 768, 704, 640)]
    assert notes[-1] == "memory: 6 more settings need less"


def test_half_precision_that_makes_a_lora_fit_is_told_alone():
    """What does not train is then held in it; `train.memory` leaves alone what is written."""
    train = {"lora_rank": 8, "precision": "fp32", "gradient_checkpointing": True, "text_encoder_ratio": 0}
    (_, note) = fit(sd1(train=train, evaluate=SMALL_ENCODER), gpu(6)).notes
    assert note.endswith("what makes it fit: train.precision bf16 (5.0 GB)")
    assert fit(sd1(train={**train, "precision": "bf16"}, evaluate=SMALL_ENCODER), gpu(6)).notes[1].endswith(": fits")


def test_where_no_single_change_is_enough_the_fewest_together_are_told():
    def together(batch_size: int, gigabytes: float) -> str:
        (_, note) = fit(sd1(train={"precision": "bf16", "batch_size": batch_size}), gpu(gigabytes)).notes
        return note.partition("what makes it fit, all together: ")[2].rpartition(" (")[0]

    smaller = "train.batch_size 1, train.gradient_accumulation 4, "
    assert together(1, 6) == "train.lora_rank 8, train.text_encoder_ratio 0.0"
    assert together(4, 7) == f"{smaller}train.lora_rank 8, train.text_encoder_ratio 0.0"
    assert (
        together(4, 5.5)
        == f"{smaller}train.lora_rank 8, evaluate.encoder ViT-B-32/openai, train.text_encoder_ratio 0.0"
    )
    train = {"lora_rank": 8, "gradient_checkpointing": True}
    (note,) = fit(sd1("as_given", train=train, evaluate={"encoder": "ViT-B-32/openai"}), gpu(8)).notes
    assert note.endswith(": fits")


def test_whoever_scores_takes_memory_too():
    def scoring(**evaluate: object) -> str:
        return next(forecast_without_device(sd1("as_given", evaluate=evaluate))).partition("scoring ")[2][:3]

    assert scoring() == "1.6"
    assert scoring(encoder="ViT-H-14/laion2b_s32b_b79k") == "3.7"
    assert scoring(identity={"encoder": "ViT-bigG-14/laion2b_s39b_b160k"}) == "11."
    assert scoring(identity={"dinov2": "facebook/dinov2-base"}) == "1.9"
    assert scoring(identity={"dinov2": "facebook/dinov2-giant"}) == "5.8"  # 1.6 and 4.2


def test_a_guess_at_who_scores_is_told_as_one():
    given = sd1("as_given", evaluate={"encoder": "hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K"})
    for device in (gpu(80), None):
        need, guess = fit(given, device).notes
        assert "scoring 3.7" in need
        assert guess.startswith(
            f"memory: evaluate.encoder {given.evaluate.encoder} is taken to be as large as ViT-H-14"
        )
