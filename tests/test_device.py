"""The device badge with faked devices: no GPU is needed, and TensorFlow is not imported to ask."""

import subprocess
import sys

import pytest

from explorer import device


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    """A Linux machine with an empty /dev and PATH."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(device, "DEV", tmp_path / "dev")
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def install_smi(machine, script):
    program = machine / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_a_gpu_it_is_the_cpu(bare_machine, monkeypatch):
    (bare_machine / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU 9000\nflags\t: a b\n")
    monkeypatch.setattr(device, "CPUINFO", bare_machine / "cpuinfo")
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert not device.gpu_available()
    assert device.describe() == device.Device("CPU", "Fast CPU 9000", None, 2)
    assert device.describe().badge() == "CPU · 2 cores"
    monkeypatch.setattr(device, "CPUINFO", bare_machine / "missing")
    assert device.describe().name


def test_a_gpu_has_its_name_and_memory(bare_machine):
    (bare_machine / "dev" / "nvidia0").touch()
    install_smi(bare_machine, "echo 'Tesla T4, 15360'")
    assert device.gpu_available()
    assert device.describe().memory_bytes == 15360 * 2**20
    assert device.describe().badge() == "GPU · Tesla T4 · 15 GB"


def test_the_visible_one_of_two_gpus_is_named(bare_machine, monkeypatch):
    install_smi(bare_machine, "echo 'A100, 40960'; echo 'H100, [N/A]'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert device.describe().badge() == "GPU · H100"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5f0c")
    assert device.describe().badge() == "GPU · A100 · 40 GB"


def test_a_device_file_is_enough_without_nvidia_smi(bare_machine):
    (bare_machine / "dev" / "nvidiactl").touch()
    assert not device.gpu_available()
    (bare_machine / "dev" / "nvidia1").touch()
    assert device.describe().badge() == "GPU · NVIDIA"


@pytest.mark.parametrize("script", ["exit 9", "echo 'No devices were found'", "exec /bin/sleep 30", "printf '\\377'"])
def test_an_nvidia_smi_that_finds_nothing_is_no_gpu(bare_machine, monkeypatch, script):
    monkeypatch.setattr(device, "SMI_TIMEOUT", 0.3)
    install_smi(bare_machine, script)
    assert not device.gpu_available()


@pytest.mark.parametrize("hidden", ["", "-1", " "])
def test_a_hidden_gpu_is_none(bare_machine, monkeypatch, hidden):
    (bare_machine / "dev" / "nvidia0").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert not device.gpu_available()


def test_macos_has_no_gpu_for_tensorflow(bare_machine, monkeypatch):
    (bare_machine / "dev" / "nvidia0").touch()
    monkeypatch.setattr(device.sys, "platform", "darwin")
    assert not device.gpu_available()


def test_prepare_sets_memory_growth_and_survives_a_gpu_in_use(monkeypatch):
    import tensorflow as tf

    grown = []

    def set_memory_growth(gpu, enable):
        grown.append((gpu, enable))
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", set_memory_growth)
    device.prepare()
    assert grown == [("GPU:0", True), ("GPU:1", True)]


def test_asking_does_not_import_tensorflow():
    program = "import sys; from explorer import device; device.describe(); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
