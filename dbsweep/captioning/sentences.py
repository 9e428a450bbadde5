"""Captioners that say a sentence, by transformers' own classes: GIT, BLIP, BLIP-2, Florence-2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from transformers import (
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipForConditionalGeneration,
    BlipProcessor,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GitForCausalLM,
    GitProcessor,
)

from dbsweep.captioning.captioner import refuse_no_numbers
from dbsweep.captioning.model_files import Kind
from dbsweep.captioning.telling import SentenceSettings
from dbsweep.errors import InputError, ModelError
from dbsweep.models.network_loading import load_or_refuse, load_pretrained
from dbsweep.models.quiet import without_reports

_CLASSES: Final[dict[Kind, tuple[Any, Any]]] = {
    "git": (GitForCausalLM, GitProcessor),
    "blip": (BlipForConditionalGeneration, BlipProcessor),
    "blip-2": (Blip2ForConditionalGeneration, Blip2Processor),
    "florence2": (Florence2ForConditionalGeneration, Florence2Processor),
}

_WORDS = ("tokenizer.json", "vocab.txt", "vocab.json")
"""Any will do; transformers makes a tokenizer without words of a folder that has none of them."""

_TASK = "<CAPTION>"
"""What Florence-2 is asked for; it says nothing unasked."""


class SentenceCaptioner:
    """A captioner in float32 evaluation mode; the same picture has the same sentence each time.

    Args:
        model, processor: of the kind, on the device where it looks.
    """

    says_tags = False

    def __init__(self, kind: Kind, model: Any, processor: Any, settings: SentenceSettings) -> None:  # noqa: ANN401
        self._kind = kind
        self._model = model.eval().requires_grad_(False)
        self._processor = processor
        self._settings = settings

    def describe(self, images: Sequence[Image.Image]) -> list[tuple[str, ...]]:
        """One sentence of each image, in one line; empty where there are no words in it.

        Raises:
            InputError: the prompt is none of the model's.
        """
        with without_reports():
            ids = self._model.generate(
                **self._inputs(images).to(self._model.device),
                max_new_tokens=self._settings.max_tokens,
                num_beams=self._settings.beams,
                do_sample=False,
            )
        sentences = self._processor.batch_decode(ids, skip_special_tokens=True)
        return [(words,) if (words := " ".join(sentence.split())) else () for sentence in sentences]

    def _inputs(self, images: Sequence[Image.Image]) -> Any:  # noqa: ANN401
        prompt = self._settings.prompt
        if self._kind == "florence2":
            prompt = prompt or _TASK
        if prompt is None:
            return self._processor(images=list(images), return_tensors="pt")
        if self._kind != "git":
            try:
                return self._processor(images=list(images), text=[prompt] * len(images), return_tensors="pt")
            except ValueError as error:
                raise InputError(f"--prompt {prompt!r}: is nothing that this model is asked ({error})") from error
        # GIT goes on from its prompt, which its tokenizer would end.
        inputs, tokenizer = self._processor(images=list(images), return_tensors="pt"), self._processor.tokenizer
        ids = [tokenizer.cls_token_id, *tokenizer(prompt, add_special_tokens=False).input_ids]
        inputs["input_ids"] = torch.tensor([ids] * len(images))
        return inputs


def load_sentence_captioner(
    name: str, kind: Kind, folder: Path, settings: SentenceSettings, device: str | torch.device = "cpu"
) -> SentenceCaptioner:
    """Load a captioner.

    Args:
        name: as messages name it.
        folder: with configuration, weights, and the files of its processor.

    Raises:
        ResourceError: there is no memory for it.
        ModelError: its files cannot be read, lack weights, or hold what are no numbers.
    """
    if not any((folder / file).is_file() for file in _WORDS):
        raise ModelError(f"model {name}: has no words, it lacks {' or '.join(_WORDS)}; get its tokenizer too")
    model_class, processor_class = _CLASSES[kind]
    model = load_pretrained(name, model_class, folder)
    with without_reports():
        processor = load_or_refuse(name, lambda: processor_class.from_pretrained(folder))
    refuse_no_numbers(name, model)
    load_or_refuse(name, lambda: model.to(device))
    return SentenceCaptioner(kind, model, processor, settings)
