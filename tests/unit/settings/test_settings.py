"""Settings that cannot be: whoever starts a command or a service is told which, and what may be."""

import subprocess
import sys

import pytest

from shared.process import EXIT_SETUP
from shared.settings import Settings, SettingsWrong

WRONG = [
    ("TESSERA_PARTITIONS", "zero", "allowed: a valid integer"),
    ("TESSERA_PARTITIONS", "0", "allowed: greater than or equal to 1"),
    ("TESSERA_API_PORT", "99999", "allowed: less than or equal to 65535"),
    ("TESSERA_LOG_LEVEL", "loud", "allowed: 'debug', 'info', 'warning' or 'error'"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_setting_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsWrong) as wrong:
        Settings.read()
    assert str(wrong.value).startswith(f"{name} is {value!r}; ")
    assert allowed in str(wrong.value)


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch):
    for name, value, _ in WRONG[1:]:
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsWrong) as wrong:
        Settings.read()
    assert all(name in str(wrong.value) for name, _, _ in WRONG)


def test_the_case_of_a_log_level_does_not_matter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TESSERA_LOG_LEVEL", "WARNING")
    assert Settings.read().log_level == "warning"


@pytest.mark.parametrize("verb", [["cli.main", "status"], ["services.earn"]])
def test_who_is_started_with_a_wrong_setting_says_so_and_shows_no_trace(verb: list[str]):
    said = subprocess.run(
        [sys.executable, "-m", *verb],
        env={"TESSERA_PARTITIONS": "zero", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == EXIT_SETUP
    assert "TESSERA_PARTITIONS is 'zero'" in said.stdout + said.stderr
    assert "Traceback" not in said.stdout + said.stderr
