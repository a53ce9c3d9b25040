"""The house's own rules, checked on every file of the project.

What ruff, mypy and import-linter check is not repeated here. Each rule is a function from a file to
its violations, and each has an example that it must find: a rule that cannot fail is a defect.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_LINES_MAX = 60
LINE_LENGTH_MAX = 100
FOLDERS_NOT_OURS = {"build", "dist", "node_modules", "results", "__pycache__"}
HIDDEN_FOLDERS_OF_OURS = {".ci", ".github"}
TEXT_SUFFIXES = {
    *(".cfg", ".html", ".ini", ".j2", ".js", ".json", ".lock", ".md", ".py", ".sh", ".sql"),
    *(".toml", ".txt", ".yaml", ".yml", ""),
}
PURE = re.compile(r"^(shared/(events|program|ledger|chain)/.+|services/\w+/decide)\.py$")


@dataclass(frozen=True)
class File:
    """A file of the project: its path from the root, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def is_pure(self) -> bool:
        return PURE.match(self.path) is not None

    def lines_with(self, pattern: re.Pattern[str]) -> Iterator[str]:
        for number, line in enumerate(self.text.splitlines(), 1):
            if found := pattern.search(line):
                yield f"{self.path}:{number}: {found.group()}"

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


Rule = Callable[[File], Iterator[str]]


def functions_are_short(file: File) -> Iterator[str]:
    if not file.is_python:
        return
    for node in file.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        documented = ast.get_docstring(node) is not None
        first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
        length = (node.end_lineno or 0) - first.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield file.at(node, f"{node.name} has {length} lines")


def lines_are_short(file: File) -> Iterator[str]:
    if PurePosixPath(file.path).suffix not in {"", ".py", ".sh", ".sql"}:
        return
    for number, line in enumerate(file.text.splitlines(), 1):
        if len(line) > LINE_LENGTH_MAX:
            yield f"{file.path}:{number}: {len(line)} characters"


def modules_say_what_they_are_for(file: File) -> Iterator[str]:
    if file.is_python and file.text.strip() and not ast.get_docstring(file.tree):
        yield f"{file.path}: no docstring"


def files_are_named_by_their_content(file: File) -> Iterator[str]:
    vague = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}
    for part in PurePosixPath(file.path).parts:
        if vague & set(re.split(r"[._-]", part.lower())):
            yield f"{file.path}: {part} says nothing"


def points_and_money_are_never_floats(file: File) -> Iterator[str]:
    if not (file.is_python and file.is_pure):
        return
    for node in file.nodes(ast.Constant, ast.Name):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield file.at(node, f"the literal {node.value}")
        if isinstance(node, ast.Name) and node.id in {"float", "complex"}:
            yield file.at(node, node.id)


def the_core_has_no_clock_no_chance_and_no_io(file: File) -> Iterator[str]:
    if not (file.is_python and file.is_pure):
        return
    modules = {
        *("asyncio", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "subprocess"),
        *("threading", "time", "urllib", "logging"),
    }
    calls = {"now", "utcnow", "today", "uuid1", "uuid4"}
    for node in file.nodes(ast.Import, ast.ImportFrom, ast.Call):
        match node:
            case ast.Import(names=names):
                found = {alias.name.partition(".")[0] for alias in names} & modules
            case ast.ImportFrom(module=module, names=names):
                found = {(module or "").partition(".")[0]} & modules
                found |= {alias.name for alias in names} & {"uuid1", "uuid4"}
            case ast.Call(func=ast.Attribute(attr=name)):
                found = {name} & calls
            case _:
                found = (
                    {"open"} if isinstance(node, ast.Call) and _called(node) == "open" else set()
                )
        for name in sorted(found):
            yield file.at(node, name)


def work_left_over_is_an_issue(file: File) -> Iterator[str]:
    yield from file.lines_with(re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b"))


def no_path_of_a_developers_machine(file: File) -> Iterator[str]:
    yield from file.lines_with(re.compile(r"(?<![\w.])/(root|work|Users/\w+|home/\w+)/"))


def no_address_of_a_package_registry(file: File) -> Iterator[str]:
    hosts = [
        *("pypi" + r"\.org", "files.pythonhosted" + r"\.org", "repo1?.maven" + r"(\.apache)?\.org"),
        *("registry.npmjs" + r"\.org", "repository.apache" + r"\.org", "maven-central[.]"),
        *("proxy.golang" + r"\.org", "search.maven" + r"\.org", "packages.confluent" + r"\.io"),
    ]
    yield from file.lines_with(re.compile("|".join(hosts)))


def tests_mirror_the_code(file: File) -> Iterator[str]:
    parts = PurePosixPath(file.path).parts
    if parts[:2] != ("tests", "unit") or not file.is_python:
        return
    if len(parts) == 3 or not parts[-1].startswith("test_"):
        yield f"{file.path}: belongs in tests/unit/<area>/test_*.py"
    elif not any((ROOT / top / parts[2]).exists() for top in ("shared", "services", "cli")) and (
        not any((ROOT / top / f"{parts[2]}.py").exists() for top in ("shared", "services", "cli"))
    ):
        yield f"{file.path}: there is no {parts[2]} in shared, services or cli"


def tests_wait_for_something_and_never_sleep(file: File) -> Iterator[str]:
    simulated = file.path.startswith("tests/simulation/")  # its clock is simulated too
    if not (file.is_python and file.path.startswith("tests/")) or simulated:
        return
    if file.path == "tests/polling.py":
        return
    for node in file.nodes(ast.Call):
        assert isinstance(node, ast.Call)
        is_pause = not (
            node.args and isinstance(node.args[0], ast.Constant) and not node.args[0].value
        )
        if _called(node) == "sleep" and is_pause:
            yield file.at(node, "wait with tests/polling.py instead")


def tests_use_the_real_thing_or_its_fake(file: File) -> Iterator[str]:
    if file.path.startswith("tests/") and file.is_python:
        yield from file.lines_with(
            re.compile(r"^\s*(from|import) (unittest\.mock|pytest_mock|mock)\b")
        )


def services_say_what_they_are(file: File) -> Iterator[str]:
    parts = PurePosixPath(file.path).parts
    if parts[0] == "services" and parts[2:] == ("__main__.py",):
        readme = ROOT / "services" / parts[1] / "README.md"
        if not readme.is_file():
            yield f"{file.path}: {parts[1]} has no README.md"


def services_name_all_their_rooms(file: File) -> Iterator[str]:
    parts = PurePosixPath(file.path).parts
    if parts[0] != "services" or parts[2:] != ("README.md",):
        return
    named = set(re.findall(r"`([\w*]+(?:\.py|/))`", file.text))
    there = {
        entry.name + ("/" if entry.is_dir() else "")
        for entry in (ROOT / "services" / parts[1]).iterdir()
        if not entry.name.startswith("__") and entry.name != "README.md"
    }
    for name in sorted(named):
        if not any(fnmatch(entry, name) for entry in there):
            yield f"{file.path}: there is no {name}"
    for entry in sorted(there):
        if not any(fnmatch(entry, name) for name in named):
            yield f"{file.path}: says nothing of {entry}"


def _called(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


EXAMPLES: list[tuple[Rule, str, str]] = [
    (functions_are_short, "cli/a.py", "def long():\n" + "    x = 1\n" * 61),
    (functions_are_short, "cli/a.py", 'async def f():\n    """Says."""\n' + "    x = 1\n" * 61),
    (lines_are_short, "cli/a.py", "x" * 101),
    (lines_are_short, "services/earn/schema/001.sql", "x" * 101),
    (modules_say_what_they_are_for, "cli/a.py", "import ast\n"),
    (files_are_named_by_their_content, "shared/utils.py", ""),
    (files_are_named_by_their_content, "shared/date_helpers.py", ""),
    (files_are_named_by_their_content, "shared/common/a.py", ""),
    (points_and_money_are_never_floats, "shared/ledger/a.py", "x = 0.5"),
    (points_and_money_are_never_floats, "services/earn/decide.py", "def f(x: float): ..."),
    (the_core_has_no_clock_no_chance_and_no_io, "shared/chain/a.py", "datetime.now(UTC)"),
    (the_core_has_no_clock_no_chance_and_no_io, "shared/program/a.py", "import random"),
    (the_core_has_no_clock_no_chance_and_no_io, "shared/program/a.py", "from uuid import uuid4"),
    (the_core_has_no_clock_no_chance_and_no_io, "shared/program/a.py", "open('x')"),
    (work_left_over_is_an_issue, "Makefile", "# TO" + "DO later"),
    (no_path_of_a_developers_machine, "docs/a.md", "see /home/" + "jo/tessera"),
    (no_path_of_a_developers_machine, "ops/setup", "cd /wo" + "rk/main"),
    (no_address_of_a_package_registry, "requirements.lock", "https://pypi" + ".org/simple"),
    (no_address_of_a_package_registry, "cli/a.py", "https://repo.maven.apache" + ".org/maven2"),
    (no_address_of_a_package_registry, "cli/a.py", "https://repo1.maven" + ".org/maven2"),
    (tests_mirror_the_code, "tests/unit/test_a.py", ""),
    (tests_mirror_the_code, "tests/unit/nowhere/test_a.py", ""),
    (tests_mirror_the_code, "tests/unit/local/jars.py", ""),
    (tests_wait_for_something_and_never_sleep, "tests/unit/local/test_a.py", "time.sleep(1)"),
    (tests_wait_for_something_and_never_sleep, "tests/conftest.py", "await asyncio.sleep(delay)"),
    (tests_use_the_real_thing_or_its_fake, "tests/a.py", "from unittest.mock import Mock"),
    (services_say_what_they_are, "services/nowhere/__main__.py", ""),
    (services_name_all_their_rooms, "services/earn/README.md", "| `*.py`, `schema/`, `no.py` |"),
    (services_name_all_their_rooms, "services/earn/README.md", "| `*.py` | all but the schema |"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in EXAMPLES))


def ours(folder: Path = ROOT) -> Iterator[File]:
    for entry in sorted(folder.iterdir()):
        name = entry.name
        if entry.is_dir():
            hidden = name.startswith(".") and name not in HIDDEN_FOLDERS_OF_OURS
            if not hidden and name not in FOLDERS_NOT_OURS and not name.endswith(".egg-info"):
                yield from ours(entry)
        elif entry.suffix in TEXT_SUFFIXES and not entry.is_symlink():
            yield File(entry.relative_to(ROOT).as_posix(), entry.read_text("utf-8"))


@pytest.fixture(scope="module")
def files() -> list[File]:
    return list(ours())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule, files: list[File]):
    violations = [violation for file in files for violation in rule(file)]
    assert not violations, "\n" + "\n".join(violations)


@pytest.mark.parametrize(("rule", "path", "text"), EXAMPLES)
def test_the_rule_finds_its_example(rule: Rule, path: str, text: str):
    assert list(rule(File(path, text))) != []


def test_the_files_looked_at_are_the_projects(files: list[File]):
    paths = {file.path for file in files}
    assert {
        "Makefile",
        "pyproject.toml",
        "shared/__init__.py",
        "tests/architecture/test_tidy.py",
    } <= paths
    assert not any(path.startswith((".venv", ".git/", ".tessera")) for path in paths)
