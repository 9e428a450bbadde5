"""dbsweep: sweeps of DreamBooth trainings that say which checkpoint to keep, and show why."""

import logging

__version__ = "0.1.0"

# On a CPU bitsandbytes warns, as soon as it is imported, of kernels for 4-bit weights, which nothing here uses.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(lambda record: "gemm_4bit" not in record.getMessage())
