"""The device that computes: a graphics processor or the CPU. Asking never imports TensorFlow."""

import contextlib
import functools
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEV = Path("/dev")
CPUINFO = Path("/proc/cpuinfo")
SMI_TIMEOUT = 5.0
"""Seconds that nvidia-smi may take; a healthy one answers in less than one."""


@dataclass(frozen=True)
class Device:
    """What computes.

    Attributes:
        kind: ``"GPU"`` or ``"CPU"``.
        name: the GPU's or the CPU's name.
        memory_bytes: a GPU's memory; None on a CPU, or where it is not known.
        cores: CPU cores that this process may use.
    """

    kind: Literal["GPU", "CPU"]
    name: str
    memory_bytes: int | None = None
    cores: int = 1

    def badge(self) -> str:
        """A few words for the corner of a page.

        >>> Device("GPU", "NVIDIA T4", memory_bytes=15 * 2**30).badge()
        'GPU · NVIDIA T4 · 15 GB'
        >>> Device("CPU", "Some CPU", cores=2).badge()
        'CPU · 2 cores'
        """
        if self.kind == "CPU":
            return f"CPU · {self.cores} core{'s' if self.cores > 1 else ''}"
        memory = [] if self.memory_bytes is None else [f"{round(self.memory_bytes / 2**30)} GB"]
        return " · ".join(["GPU", self.name, *memory])


def gpu_available() -> bool:
    """Whether TensorFlow can be expected to find a GPU here: an NVIDIA one on Linux that is not hidden.

    The kernel's driver files alone do not count, because a container without a GPU shows them too.

    >>> gpu_available() in (True, False)
    True
    """
    if not sys.platform.startswith("linux") or _hidden():
        return False
    return any(DEV.glob("nvidia[0-9]*")) or bool(_smi())


def describe() -> Device:
    """The device that computes, with its name and memory.

    >>> describe().kind in ("GPU", "CPU")
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not gpu_available():
        return Device("CPU", _cpu_name(), cores=cores)
    gpus = _smi()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    index = int(chosen) if chosen.isdecimal() and int(chosen) < len(gpus) else 0
    name, memory = gpus[index] if gpus else ("NVIDIA", None)
    return Device("GPU", name, memory, cores)


def prepare() -> None:
    """Let TensorFlow take GPU memory as it needs it, not all at once; call it before any use of a GPU.

    Imports TensorFlow; harmless when repeated, and without a GPU.
    """
    import tensorflow as tf  # noqa: PLC0415 - it costs seconds that a CPU's pages can do without

    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # the GPU is in use already; growth can no longer be changed
            tf.config.experimental.set_memory_growth(gpu, True)


def _hidden() -> bool:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible is not None and (not visible.strip() or visible.strip().startswith("-"))


def _smi() -> tuple[tuple[str, int | None], ...]:
    """The name and memory of each GPU that nvidia-smi knows."""
    program = shutil.which("nvidia-smi")
    return _query(program) if program else ()


@functools.cache
def _query(program: str) -> tuple[tuple[str, int | None], ...]:
    """Asked once in a process: GPUs do not come and go, and every question costs a tenth of a second."""
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SMI_TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ()
    gpus = []
    for line in answer.splitlines():
        name, comma, mebibytes = line.rpartition(",")
        if comma:
            memory = mebibytes.strip()
            gpus.append((name.strip(), int(memory) * 2**20 if memory.isdecimal() else None))
    return tuple(gpus)


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or "CPU"
