"""The dispatcher: help, guesses, exit codes; a defect is a message and a file, never a traceback."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vidpipe import __version__
from vidpipe.cli import codes, validate
from vidpipe.cli.main import COMMANDS, main, parser
from vidpipe.cluster.processes import python_environment
from vidpipe.errors import FilmUnfinished, SetupError
from vidpipe.settings import child_environment


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[BaseException], int]:
    """The code of a command that ends with this error."""
    (tmp_path / "home" / "logs").mkdir(parents=True)
    monkeypatch.setenv("VIDPIPE_HOME", str(tmp_path / "home"))

    def ends_with(error: BaseException, *more: str) -> int:
        def run(args: object) -> int:
            raise error

        monkeypatch.setattr(validate, "run", run)
        return main(["validate", "x.yaml", *more])

    return ends_with


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = child_environment(python_environment(), without=("VIDPIPE_",))
    command = [sys.executable, *words]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == codes.DONE and main(["--help"]) == codes.DONE
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in said
    for code in (0, 1, 2, 3, 70, 130):
        assert f"\n  {code:3d}  " in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_json_and_home(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == codes.DONE
    said = capsys.readouterr().out
    assert "--json" in said and "--home" in said and "exit codes" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_parser_of_its_own(name: str) -> None:
    made, module = parser(name)
    assert made.prog.endswith(name) and callable(module.run)


# What only some adapters, or only workers with a GPU, need: vendors' own libraries, and those that look at pictures.
HEAVY = {
    "openai", "google.genai", "google.auth", "runwayml", "fal_client", "httpx2", "torch", "torchvision", "open_clip",
    "onnxruntime", "insightface", "rembg",
}  # fmt: skip


def without(modules: set[str]) -> str:
    return f"assert not {modules!r} & set(sys.modules), {modules!r} & set(sys.modules)"


def test_help_loads_neither_the_database_nor_the_cluster_nor_any_services_library(tmp_path: Path) -> None:
    more = {"sqlalchemy", "rich", "PIL", "av", "numpy", "psutil", "httpx", "aiohttp"}
    code = f"import sys; from vidpipe.cli.main import main; main(['--help']); {without(HEAVY | more)}"
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_no_command_loads_a_services_library_or_torch_before_it_is_used(tmp_path: Path) -> None:
    modules = ", ".join(f"vidpipe.cli.{module}" for module, _ in COMMANDS.values())
    code = f"import sys, vidpipe.services.registry, vidpipe.pipeline.submit, {modules}; {without(HEAVY)}"
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_version_is_the_packages_and_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == codes.DONE
    assert capsys.readouterr().out == f"vidpipe {__version__}\n"
    setup = Path(__file__).resolve().parents[3] / "setup.cfg"
    assert f"version = {__version__}\n" in setup.read_text(encoding="utf-8")


def test_a_command_misspelt_gets_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["valdate", "x"]) == codes.BAD_INPUT
    assert "validate`?" in capsys.readouterr().err
    assert main(["qqq\x1b[2J"]) == codes.BAD_INPUT
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["validate"], ["run", "--io", "x"], ["cluster", "jump"], ["worker", "cpu"], ["skip", "a"]]
)
def test_arguments_that_do_not_fit_are_bad_input(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == codes.BAD_INPUT
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SetupError("s"), codes.BAD_INPUT),
        (FilmUnfinished("f"), codes.UNFINISHED),
        (FilmUnfinished("w", waits=True), codes.WAITS),
        (KeyboardInterrupt(), codes.INTERRUPTED),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), codes.BAD_INPUT),
        (RuntimeError("boom"), codes.DEFECT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_end_has_its_code_and_no_traceback(
    raising: Callable[[BaseException], int], error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err


def test_a_defect_is_one_line_and_a_file_with_the_details(
    raising: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert raising(RuntimeError("boom\x1b[2J")) == codes.DEFECT
    err = capsys.readouterr().err
    (crash,) = (tmp_path / "home" / "logs").glob("crash-*.txt")
    assert "RuntimeError: boom" in err and str(crash) in err and "\x1b" not in err
    assert "Traceback" in crash.read_text() and "validate" in crash.read_text()


def test_a_full_disk_is_said_to_be_full(
    raising: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
) -> None:
    raising(OSError(errno.ENOSPC, "No space left on device", "/x/film.mp4"))
    err = capsys.readouterr().err
    assert "/x/film.mp4: No space left on device" in err and "Free some space" in err


def test_with_json_an_error_is_a_document_too(raising: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    raising(SetupError("what", remedy="do"), "--json")
    out, err = capsys.readouterr()
    assert '"message":"what"' in out and '"remedy":"do"' in out and '"exit":2' in out and "what" in err


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    env = child_environment(python_environment(), without=("VIDPIPE_",))
    command = f'{sys.executable!r} -m vidpipe services --json | head -c 1; echo " ${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "" and done.stdout.split()[-1] in ("0", str(codes.READER_GONE))


def test_it_runs_as_a_module_whatever_the_locale(tmp_path: Path) -> None:
    board = tmp_path / "böse datei.yaml"
    board.write_text("title: 🎬 Ünï\nscenes:\n  - prompt: the sea\n", encoding="utf-8")
    for locale in ("C", "POSIX", "de_DE.ISO-8859-1"):
        env = child_environment(
            {**python_environment(), "LC_ALL": locale, "PYTHONUTF8": "0"}, without=("VIDPIPE_", "LC_", "LANG")
        )
        done = subprocess.run(
            [sys.executable, "-m", "vidpipe", "validate", board.name], env=env, cwd=tmp_path, capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"1 scene" in done.stdout and b"Traceback" not in done.stderr
