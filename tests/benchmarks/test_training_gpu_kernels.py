"""Kernels are told apart by their names."""

from __future__ import annotations

import pytest

from benchmarks.training_gpu_kernels import kind_of


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("cudnn_generated_fort_native_sdpa_sm90_flash_bprop_wgmma_f16", "attention"),
        ("nvjet_sm90_tst_320x128_64x3_1x2_h_bz_coopB_NNT", "matrix product"),
        ("sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16", "convolution"),
        ("void at::native::bfloat16_copy_kernel_cuda", "copies and casts"),
        ("void at::native::vectorized_layer_norm_kernel<float>", "norms"),
        ("something new", "other"),
    ],
)
def test_kernels_are_told_apart_by_their_names(kernel: str, kind: str):
    assert kind_of(kernel) == kind
