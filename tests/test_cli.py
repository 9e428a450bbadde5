"""Tests of the command line as a whole: mistakes as one clear message with exit code 2."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import get_type_hints

import pytest
from PIL import Image
from rich.console import Console
from typer.main import get_group
from typer.models import OptionInfo, ParameterInfo

from dbsweep import __version__
from dbsweep.cli import app, minisd_app
from dbsweep.config.loading import load_experiment
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment, write_weights
from tests.sweep.on_paper import curve


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "train.seeed=3"), "seed"),
        (("--set", "search.learning_rate=[-1e-6]"), "search.learning_rate[0]"),
        (("--set", "search.epochs=[]"), "search.epochs"),
        (("--set", "search.optimizer=[adamw,prodigy]"), "search.optimizer: optimizer 'prodigy' cannot be trained"),
        (("--set", "name=../escape"), "name"),
    ],
)
def test_a_wrong_setting_is_one_message_and_exit_code_2(dbsweep, tmp_path, words, message):
    code, out, err = dbsweep("plan", write_experiment(tmp_path), *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_a_terminal_of_another_encoding_shows_what_it_can(tmp_path):
    command = [sys.executable, "-m", "dbsweep", "plan", str(write_experiment(tmp_path))]
    done = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"steps 1?6" in done.stdout


def test_a_warning_of_a_library_ends_no_sweep(tmp_path):
    """Even where somebody has all warnings raised: a worker that inherits that would die of them too."""
    code = "\n".join(
        (
            "import os, sys, warnings",
            "import dbsweep.cli as cli",
            "def plan(*_):",
            "    warnings.warn('old', DeprecationWarning)",
            "    print('PYTHONWARNINGS' in os.environ)",
            "cli.app = plan",
            "cli.main()",
        )
    )
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


def test_the_version_is_printed(dbsweep):
    assert dbsweep("--version") == (0, f"dbsweep {__version__}\n", "")


@pytest.mark.parametrize("command", [each.callback for app in (app, minisd_app) for each in app.registered_commands])
def test_options_are_not_named_by_their_metavar(command: Callable[..., None]):
    """typer 0.27 takes a metavar that is a parameter's name in capitals for the option itself: ``--NAME``."""
    for name, hint in get_type_hints(command, include_extras=True).items():
        for option in (each for each in getattr(hint, "__metadata__", ()) if isinstance(each, OptionInfo)):
            says_its_name = isinstance(option.default, str)  # which is where Annotated puts "--name"
            assert says_its_name or option.metavar != name.upper()


@pytest.mark.parametrize("command", [name for name, each in get_group(app).commands.items() if not each.hidden])
def test_no_name_is_cut_in_the_help_of_a_terminal_of_80_columns(dbsweep, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = dbsweep(command, "--help")
    assert "--help" in out
    cut = re.findall(r"\S+…", out)
    assert [word for word in cut if "," not in word] == []  # of --steps,--num-inference-steps the first is whole


def test_each_command_is_told_in_one_line_of_80_columns(dbsweep, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = dbsweep("--help")
    rows = re.findall(r"^│ ([a-z]*) +([A-Z].*?)? *│$", out, re.MULTILINE)
    shown = [name for name, each in get_group(app).commands.items() if not each.hidden]
    assert sorted(name for name, _ in rows) == sorted(shown)
    assert all(told.endswith(".") for _, told in rows)


@pytest.mark.parametrize("command", [each.callback for app in (app, minisd_app) for each in app.registered_commands])
def test_every_argument_and_option_has_a_help(command: Callable[..., None]):
    for name, hint in get_type_hints(command, include_extras=True).items():
        for told in (each for each in getattr(hint, "__metadata__", ()) if isinstance(each, ParameterInfo)):
            assert re.fullmatch(r"(?s)\S.*\.", told.help or ""), name


@pytest.mark.parametrize(("words", "flag"), [(("run",), "--alone"), (("best",), "--json"), ((), "--version")])
def test_a_flag_does_not_seem_to_take_a_value(dbsweep, words, flag):
    """typer 0.29 shows ``--alone <bool>``, and ``--alone true`` is refused."""
    _, out, _ = dbsweep(*words, "--help")
    (line,) = [line for line in out.splitlines() if f" {flag} " in line]
    assert "<bool>" not in line


def test_a_place_that_may_not_be_read_is_one_message_and_exit_code_2(dbsweep, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    code, out, err = dbsweep("runs", "--runs", tmp_path)
    assert (code, out) == (2, "")
    assert f"{tmp_path} may not be read or written (Permission denied): change its permissions" in err


def test_a_full_disk_is_one_message_and_exit_code_2(dbsweep, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dbsweep.sweep.answers.find_run", refuse)
    code, out, err = dbsweep("report", "demo")
    assert (code, out) == (2, "")
    assert "no disk space left (No space left on device): free some and try again" in err


def test_a_name_that_is_too_long_is_one_message_and_exit_code_2(dbsweep, tmp_path):
    name = "x" * 300
    code, out, err = dbsweep("draw", "minisd", "--prompt", "a", "--out", tmp_path / name)
    assert (code, out) == (2, "")
    assert f"{name} is too long a name (File name too long): give a shorter one" in err


@pytest.mark.parametrize("place", ["link", "link/sub"])
def test_a_link_that_leads_nowhere_is_one_message_and_exit_code_2(dbsweep, tmp_path, place):
    """To a disk that is not mounted, say."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    code, out, err = dbsweep("photos", tmp_path / "photos", tmp_path / place)
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'link'} is a link that leads nowhere, to {tmp_path / 'gone'}: mend it, or name" in err


AS_ON_WINDOWS = """
import os, signal, sys

sys.modules |= {"fcntl": None, "resource": None}
del signal.SIGHUP, os.getuid, os.sysconf

from dbsweep import cli

for words in sys.argv[1:]:
    sys.argv = ["dbsweep", *words.split("|")]
    try:
        cli.main()
    except SystemExit as done:
        sys.stderr.write(f"exit {done.code}\\n")
"""
"""The commands of its arguments, one after the other, without what Windows lacks."""


def test_a_system_without_file_locks_plans_and_reads_runs_and_says_that_it_leads_none(tmp_path):
    file = write_experiment(tmp_path)
    view = TerminalView(Console(file=io.StringIO()))
    run = run_experiment(load_experiment(file), lambda *_: SimulatedBackend(curve), view)
    write_weights(run)
    answered = [
        f"plan|{file}",
        *(f"{command}|{run.path}" for command in ("best", "trials", "report")),
        f"choose|{run.path}|b01-000006|--because|its eyes",
        f"runs|--runs|{run.path.parent}",
    ]
    refused = [f"run|{file}|--name|new", f"resume|{run.path}"]
    script = [sys.executable, "-c", AS_ON_WINDOWS, *answered, *refused]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    codes = [int(line.split()[1]) for line in done.stderr.splitlines() if line.startswith("exit")]
    assert codes == [0] * len(answered) + [2] * len(refused)
    assert done.stderr.count("this system lacks the file locks of Linux and macOS (fcntl)") == len(refused)
    assert not (run.path.parent / "new").exists()


@pytest.mark.parametrize("command", ["best", "trials", "report", "resume", "track"])
def test_a_folder_that_was_deleted_under_ones_feet_is_one_message_and_exit_code_2(
    dbsweep, tmp_path, monkeypatch, command
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    code, out, err = dbsweep(command, "demo")
    assert (code, out) == (2, "")
    assert "the folder in which you stand does not exist any more: go to another one (cd)" in " ".join(err.split())
