"""Muon is orthogonal, and for matrices alone."""

from __future__ import annotations

import torch
from torch import nn

from dbsweep.minisd.muon import is_matrix, new_optimizers, orthogonalised


def test_muon_steps_are_nearly_orthogonal():
    values = torch.linalg.svdvals(orthogonalised(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert 0.6 < float(values.min()) < float(values.max()) < 1.3


def test_embeddings_and_vectors_are_not_trained_by_muon():
    assert is_matrix("unet.mid_block.conv.weight", torch.zeros(4, 4, 3, 3))
    assert not is_matrix("text_encoder.embeddings.token_embedding.weight", torch.zeros(9, 4))
    assert not is_matrix("unet.norm.weight", torch.zeros(4))
    modules = nn.ModuleDict({"net": nn.Linear(3, 3), "token_embedding": nn.Embedding(5, 3)})
    muon, adam = new_optimizers(modules, 1e-3, 1e-3, 0.1)
    assert [len(group["params"]) for o in (muon, adam) for group in o.param_groups] == [1, 2]
    assert all(group["weight_decay"] == 0 for group in adam.param_groups)
