"""Which files are a component's source, and what is in artifacts and interpreters: real folders and repositories."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hpc.engines.local.cache.contents import artifact_digest, artifacts_digest, content_digest
from hpc.engines.local.cache.interpreters import installed
from hpc.engines.local.cache.sources import source_files, tree_digest
from hpc.engines.outcome import Artifact

LONG_AGO = 1_000_000_000
OUTPUT = "2024-05-06/07-08-09"


class Remembering:
    """A memo that tells how often it could help, and refuses what a database would."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, str]] = {}
        self.hits = 0

    def kept_digest(self, path: str, signature: str) -> str | None:
        found = self.kept.get(path)
        if found is None or found[0] != signature:
            return None
        self.hits += 1
        return found[1]

    def keep_digest(self, path: str, signature: str, digest: str) -> None:
        assert Path(path.encode("utf-8").decode()).is_absolute()
        self.kept[path] = (signature, digest)


def _write(folder: Path, *names: str, old: bool = False) -> None:
    """Files whose text is their name; `old`: not changed lately."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, "utf-8")
        if old:
            os.utime(file, (LONG_AGO, LONG_AGO))


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "--quiet")
    return folder


def _sources(folder: Path, *leave_out: Path) -> dict[str, str]:
    return dict(source_files(folder, leave_out, Remembering()))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _as_somebody() -> Iterator[None]:
    """Root may read everything, so this is done as another user."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class TestInGit:
    def test_tracked_and_new_files_count_and_ignored_ones_do_not(self, repository: Path) -> None:
        _write(repository, "train.py", "conf/config.yaml", "new.py", "data/big.bin", ".env.example")
        (repository / ".gitignore").write_text("data/\n*.log\n", "utf-8")
        _write(repository, "run.log")
        _git(repository, "add", "train.py", "conf")
        assert _sources(repository) == {
            name: _sha256(name) for name in (".env.example", "conf/config.yaml", "new.py", "train.py")
        }

    def test_only_what_is_below_the_folder(self, repository: Path) -> None:
        _write(repository, "other.py", "component/train.py", "component/model/net.py")
        assert list(_sources(repository / "component")) == ["model/net.py", "train.py"]

    def test_deleted_files_do_not_count(self, repository: Path) -> None:
        _write(repository, "train.py", "old.py", "gone/x.py")
        _git(repository, "add", ".")
        (repository / "old.py").unlink()
        shutil.rmtree(repository / "gone")
        (repository / "gone").write_text("a file now", "utf-8")
        assert list(_sources(repository)) == ["gone", "train.py"]

    def test_files_that_are_in_conflict_count_once(self, repository: Path) -> None:
        _write(repository, "a.py")
        _git(repository, "add", ".")
        _git(repository, "commit", "-qm", "0")
        _git(repository, "checkout", "-qb", "other")
        (repository / "a.py").write_text("1", "utf-8")
        _git(repository, "commit", "-qam", "1")
        _git(repository, "checkout", "-q", "-")
        (repository / "a.py").write_text("2", "utf-8")
        _git(repository, "commit", "-qam", "2")
        with pytest.raises(subprocess.CalledProcessError):
            _git(repository, "merge", "other")
        assert list(_sources(repository)) == ["a.py"]

    def test_what_is_made_by_tools_does_not_count_though_nothing_ignores_it(self, repository: Path) -> None:
        _write(
            repository, "train.py", "__pycache__/train.pyc", "lib/old.pyc", "a.egg-info/PKG-INFO", "web/node_modules/x"
        )
        _write(repository, ".gitignore", ".gitattributes", "venv/pyvenv.cfg", "venv/bin/python", "venvs.py")
        assert list(_sources(repository)) == ["train.py", "venvs.py"]

    def test_an_ignored_folder_is_walked(self, repository: Path) -> None:
        (repository / ".gitignore").write_text("generated/\n", "utf-8")
        _write(repository, "generated/component/train.py", "generated/component/.hidden")
        assert list(_sources(repository / "generated" / "component")) == ["train.py"]

    def test_submodules_and_repositories_inside(self, repository: Path, tmp_path: Path) -> None:
        library = tmp_path / "library"
        library.mkdir()
        _git(library, "init", "--quiet")
        (library / ".gitignore").write_text("*.log\n", "utf-8")
        _write(library, "net.py")
        _git(library, "add", ".")
        _git(library, "commit", "-qm", "0")
        _git(repository, "submodule", "--quiet", "add", str(library), "vendor/library")
        _git(repository, "submodule", "--quiet", "add", str(library), "vendor/not_fetched")
        _git(repository, "commit", "-qm", "0")
        _git(repository, "submodule", "--quiet", "deinit", "-f", "vendor/not_fetched")
        _git(repository, "clone", "--quiet", str(library), "clone")
        _write(repository, "train.py", "vendor/library/a.log", "clone/b.log", "clone/new.py")
        assert list(_sources(repository)) == ["clone/net.py", "clone/new.py", "train.py", "vendor/library/net.py"]

    def test_another_work_tree_of_the_repository(self, repository: Path, tmp_path: Path) -> None:
        _write(repository, "train.py")
        _git(repository, "add", ".")
        _git(repository, "commit", "-qm", "0")
        _git(repository, "worktree", "add", "-q", str(tmp_path / "second"))
        _write(tmp_path / "second", "new.py")
        assert list(_sources(tmp_path / "second")) == ["new.py", "train.py"]

    def test_in_a_hook_it_is_still_the_folders_own_repository(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _write(repository, "train.py", ".env", "data.bin")
        (repository / ".git" / "info" / "exclude").write_text("*.bin\n", "utf-8")
        other = tmp_path / "other"
        other.mkdir()
        _git(other, "init", "--quiet")
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        assert list(_sources(repository)) == [".env", "train.py"]

    def test_without_git_it_is_walked(self, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        _write(repository, "train.py", ".hidden")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert list(_sources(repository)) == ["train.py"]


class TestElsewhere:
    def test_what_is_hidden_or_made_does_not_count(self, tmp_path: Path) -> None:
        _write(
            tmp_path, "train.py", "conf/config.yaml", ".env", ".idea/workspace.xml", "pkg/__pycache__/a.pyc", "b.pyc"
        )
        _write(tmp_path, "env/pyvenv.cfg", "env/lib/x.py", "web/node_modules/x.js", "a.egg-info/PKG-INFO", "a/b/c.py")
        assert _sources(tmp_path) == {name: _sha256(name) for name in ("a/b/c.py", "conf/config.yaml", "train.py")}

    def test_a_real_virtual_environment(self, tmp_path: Path) -> None:
        _write(tmp_path, "train.py")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
        assert list(_sources(tmp_path)) == ["train.py"]

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert _sources(tmp_path) == {}
        assert _sources(tmp_path / "missing") == {}

    def test_a_deep_tree(self, tmp_path: Path) -> None:
        file = tmp_path / ("d/" * 1200 + "x")
        subprocess.run(["mkdir", "-p", str(file.parent)], check=True)  # too deep for mkdir(parents=True)
        file.write_text("x", "utf-8")
        assert list(_sources(tmp_path)) == ["d/" * 1200 + "x"]
        digest = content_digest(tmp_path, Remembering())
        file.write_text("y", "utf-8")
        assert content_digest(tmp_path, Remembering()) != digest
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # too deep for shutil.rmtree


@pytest.fixture(params=["git", "walked"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    if request.param == "git":
        _git(folder, "init", "--quiet")
    return folder


class TestBoth:
    def test_hydras_own_folders_do_not_count(self, tree: Path) -> None:
        _write(tree, f"outputs/{OUTPUT}/.hydra/config.yaml", f"outputs/{OUTPUT}/train.log", f"pkg/outputs/{OUTPUT}/x")
        _write(tree, f"multirun/{OUTPUT}/0/train.log", f"multirun/{OUTPUT}/multirun.yaml")
        _write(tree, "outputs/__init__.py", "outputs/2024-05-06/notes.txt", f"my_outputs/{OUTPUT}/x", "train.py")
        expected = [f"my_outputs/{OUTPUT}/x", "outputs/2024-05-06/notes.txt", "outputs/__init__.py", "train.py"]
        assert list(_sources(tree)) == expected

    def test_hydra_itself_changes_nothing(self, tree: Path) -> None:
        (tree / "app.py").write_text(
            "import hydra\n@hydra.main(version_base=None)\ndef main(cfg): pass\nif __name__ == '__main__': main()\n",
            "utf-8",
        )
        before = _sources(tree)
        for arguments in ([], ["-m", "+x=1,2"]):
            subprocess.run([sys.executable, "app.py", *arguments], cwd=tree, check=True, capture_output=True)
        assert (tree / "outputs").is_dir()
        assert (tree / "multirun").is_dir()
        assert _sources(tree) == before == {"app.py": before["app.py"]}

    def test_what_is_left_out(self, tree: Path, tmp_path: Path) -> None:
        _write(tree, "train.py", "runs/hpc.db", "runs2/x", "conf/pipeline.yaml", "conf/a.yaml", "p.json", "conf/p.json")
        (tmp_path / "link").symlink_to(tree)
        left_out = (
            tree / "runs",
            tree / "p.json",
            tmp_path / "link" / "conf" / "pipeline.yaml",
            tmp_path / "elsewhere",
            tmp_path,
            tree,
        )
        expected = ["conf/a.yaml", "conf/p.json", "runs2/x", "train.py"]
        assert list(_sources(tree, *left_out)) == expected
        assert list(_sources(tmp_path / "link", *left_out)) == expected

    def test_links_count_by_their_text(self, tree: Path, tmp_path: Path) -> None:
        _write(tree, "a/x.py")
        _write(tmp_path, "outside/secret.txt")
        (tree / "a" / "circle").symlink_to("..")
        (tree / "self").symlink_to("self")
        (tree / "dangling").symlink_to("nowhere")
        (tree / "out").symlink_to(tmp_path / "outside")
        before = _sources(tree)
        assert list(before) == ["a/circle", "a/x.py", "dangling", "out", "self"]
        assert before["dangling"] == f"link:{_sha256('nowhere')}"
        _write(tmp_path, "outside/more.txt")
        assert _sources(tree) == before
        (tree / "dangling").unlink()
        (tree / "dangling").symlink_to("elsewhere")
        after = _sources(tree)
        assert [name for name in before if before[name] != after[name]] == ["dangling"]

    def test_odd_names(self, tree: Path) -> None:
        _write(tree, "ä ö.py", "two\nlines.py", '"quoted".py', "-n.py", "tab\t.py")
        (tree / os.fsdecode(b"caf\xe9.py")).write_bytes(b"x")
        found = _sources(tree)
        assert sorted(found) == sorted(["ä ö.py", "two\nlines.py", '"quoted".py', "-n.py", "tab\t.py", "caf\\udce9.py"])
        assert "".join(found).encode("utf-8")
        assert tree_digest(found)

    def test_pipes_and_sockets_do_not_count(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tree)
        os.mkfifo("pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
            _write(tree, "train.py")
            assert list(_sources(tree)) == ["train.py"]

    def test_a_relative_folder(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        _write(tree, "train.py", "runs/x", old=True)
        monkeypatch.chdir(tree.parent)
        assert _sources(Path("tree"), Path("tree/runs")) == {"train.py": _sha256("train.py")}


def test_what_cannot_be_read_does_not_stop_it(open_folder: Path) -> None:
    _write(open_folder, "train.py", "closed.py", "closed/x.py")
    (open_folder / "closed.py").chmod(0)
    (open_folder / "closed").chmod(0)
    with _as_somebody():
        assert _sources(open_folder) == {"closed.py": "unreadable", "train.py": _sha256("train.py")}
        assert content_digest(open_folder / "closed.py", Remembering()) == "unreadable"
        assert content_digest(open_folder / "closed" / "x.py", Remembering()) == "unreadable"
        as_seen = content_digest(open_folder, Remembering())
    assert as_seen.startswith("folder:")
    (open_folder / "closed").chmod(0o755)
    (open_folder / "closed" / "x.py").unlink()
    with _as_somebody():
        assert content_digest(open_folder, Remembering()) != as_seen


def test_the_digest_of_a_tree() -> None:
    files = {"a": "1", "b": "2"}
    assert tree_digest(files) == tree_digest({"b": "2", "a": "1"})
    others = ({}, {"a": "1"}, {"a": "2", "b": "1"}, {"a": "1", "c": "2"}, {"a": "1b2"}, {**files, "c": ""})
    assert len({tree_digest(one) for one in (files, *others)}) == 7


class TestMemo:
    def test_what_did_not_change_is_not_read_again(self, tmp_path: Path) -> None:
        _write(tmp_path, "a.py", "b.py", "c.py", old=True)
        memo = Remembering()
        first = source_files(tmp_path, (), memo)
        assert (len(memo.kept), memo.hits) == (3, 0)
        (tmp_path / "b.py").write_text("B.py", "utf-8")  # as long as before
        os.utime(tmp_path / "b.py", (LONG_AGO, LONG_AGO))
        second = source_files(tmp_path, (), memo)
        assert memo.hits == 2
        assert {name for name in first if first[name] != second[name]} == {"b.py"}

    def test_the_memo_is_believed(self, tmp_path: Path) -> None:
        _write(tmp_path, "a.py", old=True)
        memo = Remembering()
        source_files(tmp_path, (), memo)
        memo.kept = {path: (signature, "said") for path, (signature, _) in memo.kept.items()}
        assert source_files(tmp_path, (), memo) == {"a.py": "said"}
        assert content_digest(tmp_path / "a.py", memo) == "said"

    def test_a_file_that_may_change_within_the_clocks_grain_is_not_kept(self, tmp_path: Path) -> None:
        _write(tmp_path, "now.py", "tomorrow.py")
        os.utime(tmp_path / "tomorrow.py", (LONG_AGO * 4, LONG_AGO * 4))
        memo = Remembering()
        source_files(tmp_path, (), memo)
        assert memo.kept == {}

    def test_a_file_that_changes_while_it_is_read_is_not_kept(self, tmp_path: Path) -> None:
        class Disturbing(Remembering):
            def kept_digest(self, path: str, signature: str) -> str | None:
                Path(path).write_text("other", "utf-8")
                return super().kept_digest(path, signature)

        _write(tmp_path, "a", old=True)
        memo = Disturbing()
        assert content_digest(tmp_path / "a", memo) == _sha256("other")
        assert memo.kept == {}

    def test_another_file_under_the_same_name(self, tmp_path: Path) -> None:
        _write(tmp_path, "a", "b", old=True)
        memo = Remembering()
        first = content_digest(tmp_path / "a", memo)
        (tmp_path / "b").replace(tmp_path / "a")
        assert content_digest(tmp_path / "a", memo) == _sha256("b") != first

    def test_names_that_are_not_utf_8(self, tmp_path: Path) -> None:
        file = tmp_path / os.fsdecode(b"caf\xe9")
        file.write_bytes(b"x")
        os.utime(file, (LONG_AGO, LONG_AGO))
        memo = Remembering()
        assert content_digest(file, memo) == content_digest(file, memo) == _sha256("x")
        assert memo.hits == 1


class TestContents:
    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"x" * (3 << 20) + b"end")
        expected = hashlib.sha256(b"x" * (3 << 20) + b"end").hexdigest()
        assert content_digest(tmp_path / "a", Remembering()) == expected
        (tmp_path / "a").chmod(0o777)
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "link").symlink_to("b")
        assert content_digest(tmp_path / "b", Remembering()) == expected
        assert content_digest(tmp_path / "link", Remembering()) == expected

    def test_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "dangling").symlink_to("nowhere")
        (tmp_path / "self").symlink_to("self")
        (tmp_path / "file").write_bytes(b"")
        for name in ("a", "dangling", "self", "file/below", "x" * 300, "nul\0"):
            assert content_digest(tmp_path / name, Remembering()) == "missing", name

    def test_every_difference_between_folders(self, tmp_path: Path) -> None:
        """Each is made from the same start, and no two have the same digest."""
        changes = {
            "nothing": Path.exists,
            "content": lambda top: (top / "d" / "x").write_text("y", "utf-8"),
            "name": lambda top: (top / "d" / "x").rename(top / "d" / "y"),
            "place": lambda top: (top / "d" / "x").rename(top / "x"),
            "hidden": lambda top: (top / ".hidden").write_text("", "utf-8"),
            "empty folder": lambda top: (top / "empty2").mkdir(),
            "less": lambda top: (top / "empty").rmdir(),
            "file for folder": lambda top: ((top / "empty").rmdir(), (top / "empty").write_text("", "utf-8")),
            "link": lambda top: (top / "link").symlink_to("d/x"),
            "other link": lambda top: (top / "link").symlink_to("d/y"),
            "folder link": lambda top: (top / "link").symlink_to("d"),
            "pipe": lambda top: os.mkfifo(top / "pipe"),
        }
        digests: dict[str, str] = {}
        for number, (name, change) in enumerate(changes.items()):
            top = tmp_path / str(number)
            _write(top, "d/x", "d/z")
            (top / "empty").mkdir()
            change(top)
            digests[content_digest(top, Remembering())] = name
        assert list(digests.values()) == list(changes)

    def test_modes_and_places_do_not_count(self, tmp_path: Path) -> None:
        _write(tmp_path, "a/x", "a/deep/er/y")
        (tmp_path / "a" / "circle").symlink_to(".")
        shutil.copytree(tmp_path / "a", tmp_path / "b", symlinks=True)
        (tmp_path / "b" / "x").chmod(0o700)
        os.utime(tmp_path / "b" / "x", (LONG_AGO, LONG_AGO))
        assert content_digest(tmp_path / "a", Remembering()) == content_digest(tmp_path / "b", Remembering())

    def test_the_order_on_disk_does_not_matter(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.scandir

        @contextmanager
        def backwards(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
            with real(path) as entries:
                yield reversed(list(entries))

        _write(tmp_path, "a", "b", "c/d", "c/e")
        before = content_digest(tmp_path, Remembering()), tree_digest(_sources(tmp_path))
        monkeypatch.setattr(os, "scandir", backwards)
        assert (content_digest(tmp_path, Remembering()), tree_digest(_sources(tmp_path))) == before

    def test_a_file_that_looks_like_a_folder(self, tmp_path: Path) -> None:
        _write(tmp_path, "folder/x")
        digest = content_digest(tmp_path / "folder", Remembering())
        (tmp_path / "file").write_text(f'["x", "{_sha256("folder/x")}"]', "utf-8")
        assert digest == f"folder:{content_digest(tmp_path / 'file', Remembering())}"

    def test_addresses(self, tmp_path: Path) -> None:
        _write(tmp_path, "a")
        memo = Remembering()
        assert artifact_digest(str(tmp_path / "a"), memo) == _sha256("a")
        assert artifact_digest(f"file://{tmp_path}/a", memo) == _sha256("a")
        assert artifact_digest("gs://bucket/a", memo) == "gs://bucket/a"
        assert artifact_digest(f"file://{tmp_path}/b", memo) == "missing"

    def test_artifacts_count_by_content_type_and_metadata(self, tmp_path: Path) -> None:
        _write(tmp_path, "a", "b")
        (tmp_path / "same").write_text("a", "utf-8")

        def digest(*found: Artifact) -> str:
            return artifacts_digest(found, Remembering())

        def at(name: str, **more: object) -> Artifact:
            return Artifact(name, str(tmp_path / name), metadata=more)

        model = Artifact("a", str(tmp_path / "a"), "system.Model")
        assert digest(at("a", x=1, y=[1])) == digest(at("same", y=[1], x=1.0))
        different = ((at("a"),), (at("b"),), (model,), (at("a", x=1),), (at("a", x="\ud800"),), (), (at("a"), at("b")))
        assert len({digest(*found) for found in (*different, (at("b"), at("a")))}) == 8


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("environment") / "home"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    return home / "bin" / "python"


class TestInterpreters:
    @pytest.fixture
    def packages(self, python: Path) -> Iterator[Path]:
        (folder,) = python.parents[1].glob("lib/python3*/site-packages")
        yield folder
        for found in list(folder.iterdir()):
            shutil.rmtree(found) if found.is_dir() else found.unlink()

    def test_versions_count_wherever_the_environment_is(self, python: Path, packages: Path, tmp_path: Path) -> None:
        empty = installed(python)
        (packages / "torch-2.1.0.dist-info").mkdir()
        first = installed(python)
        assert len({empty.digest, first.digest}) == 2
        assert first == installed(python)
        _write(packages, "torch/__init__.py")
        assert installed(python) == first
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "second")], check=True)
        second = tmp_path / "second" / "bin" / "python"
        assert installed(second) == empty
        (packages / "torch-2.1.0.dist-info").rename(packages / "torch-2.1.1.dist-info")
        assert installed(python) not in (empty, first)

    def test_another_interpreter_has_another_digest(self, python: Path) -> None:
        assert installed(python).digest != installed(Path(sys.executable)).digest

    def test_packages_from_folders_and_addresses(self, python: Path, packages: Path) -> None:
        info = packages / "own-1.0.dist-info"
        info.mkdir()
        (info / "direct_url.json").write_text('{"url": "git+x://y", "vcs_info": {"commit_id": "1"}}', "utf-8")
        first = installed(python)
        (info / "RECORD").write_text("own.py,sha256=abc,3\n", "utf-8")
        second = installed(python)
        (info / "direct_url.json").write_text('{"url": "git+x://y", "vcs_info": {"commit_id": "2"}}', "utf-8")
        assert len({first.digest, second.digest, installed(python).digest}) == 3
        assert first.editable == ()

    def test_editable_folders_are_told(self, python: Path, packages: Path, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (packages / f"{name}-1.0.dist-info").mkdir()
            (packages / f"{name}-1.0.dist-info" / "direct_url.json").write_text(
                f'{{"url": "{(tmp_path / "with blank").as_uri()}", "dir_info": {{"editable": true}}}}', "utf-8"
            )
        (packages / "c.egg-link").write_text("/older/way\n.", "utf-8")
        (packages / "d-1.0.dist-info").mkdir()
        (packages / "d-1.0.dist-info" / "direct_url.json").write_text("[broken", "utf-8")
        assert installed(python).editable == (tmp_path / "with blank", Path("/older/way"))

    def test_paths_that_the_environment_adds(self, python: Path, tmp_path: Path) -> None:
        (tmp_path / "more" / "x-1.dist-info").mkdir(parents=True)
        environ = {"PYTHONPATH": str(tmp_path / "more")}
        assert installed(python, environ) != installed(python, {})
        assert installed(python, {}) == installed(python)

    def test_what_a_start_prints_does_not_matter(self, python: Path, packages: Path) -> None:
        before = installed(python)
        (packages / "sitecustomize.py").write_text("print('hello', flush=True)", "utf-8")
        assert installed(python) == before

    def test_its_version_counts(self, python: Path, packages: Path) -> None:
        before = installed(python)
        (packages / "sitecustomize.py").write_text("import sys; sys.version = '2.0'", "utf-8")
        assert installed(python) != before

    def test_modules_of_the_current_folder_are_not_imported(
        self, python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _write(tmp_path, "x-1.dist-info/METADATA")
        before = installed(python, {})
        monkeypatch.chdir(tmp_path)
        assert installed(python, {}) == before

    def test_no_interpreter(self, tmp_path: Path) -> None:
        script = tmp_path / "python"
        script.write_text("#!/bin/sh\necho broken >&2\nexit 3\n", "utf-8")
        script.chmod(0o755)
        expected = {
            tmp_path / "none": f"{tmp_path}/none cannot be started: No such file or directory",
            tmp_path: f"{tmp_path} cannot be started: Permission denied",
            script: f"{script} is not a Python interpreter: broken",
            Path("/bin/true"): "/bin/true is not a Python interpreter",
        }
        for python, sentence in expected.items():
            with pytest.raises(ValueError, match=re.escape(str(python))) as error:
                installed(python)
            assert str(error.value) == sentence
