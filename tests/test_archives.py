"""What the project is handed on as: a source archive, a wheel, what pip and pipx install, a .pyz, each built and used.

Nothing is fetched: where this Python has no setuptools that can build, all but the last are skipped.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata

import pytest
from support import GOOD, ROOT, Server, answer, environment, response
from test_cli import cli_run

from ollama_stream.cli.program import COMMANDS
from ollama_stream.fixture import load

SOURCES = ("LICENSE", "README.md", "pyproject.toml", "ollama_stream", "tests", "fixtures", ".ci")
CACHES = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache")
FIXTURE = os.path.join("fixtures", "recordings", "ollama-0.32.15", "chat-joke-stream.exchange.jsonl")


def ran(*command, cwd, **variables):
    """What a command prints; it must end well."""
    done = subprocess.run(
        command, cwd=str(cwd), env=dict(environment(PYTHONPATH=""), **variables), timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def version_of(name):
    """The first two numbers of an installed package's version, (0, 0) where there is none."""
    try:
        return tuple(map(int, re.findall(r"\d+", metadata.version(name))[:2]))
    except metadata.PackageNotFoundError:
        return (0, 0)


def files_of(root, *tops):
    """The files below some folders of a tree, with / between the parts of their names."""
    found = []
    for top in tops:
        for folder, _, names in os.walk(os.path.join(str(root), top)):
            if not re.search(r"__pycache__|_cache$|\.egg-info$", folder):
                found += [os.path.relpath(os.path.join(folder, name), str(root)).replace(os.sep, "/") for name in names]
    return sorted(found)


def copied(names, folder):
    for name in names:
        path = os.path.join(ROOT, name)
        if os.path.isdir(path):
            shutil.copytree(path, str(folder / name), ignore=CACHES)
        elif os.path.exists(path):
            shutil.copy(path, str(folder))
    return folder


def joke():
    """The text of the recorded answer."""
    lines = load(os.path.join(ROOT, FIXTURE)).body().splitlines()
    return "".join(json.loads(line)["message"]["content"] for line in lines).rstrip("\n")


def built(kind, source, folder):
    """The archive that setuptools builds of a tree, as pip and build have it do."""
    program = "import setuptools.build_meta as b, sys; b.build_%s(sys.argv[1])" % kind
    ran(sys.executable, "-c", program, str(folder), cwd=source, PYTHONWARNINGS="ignore")
    return [os.path.join(str(folder), name) for name in os.listdir(str(folder)) if name.endswith((".whl", ".tar.gz"))]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The source archive, unpacked."""
    if version_of("setuptools") < (61, 0):
        pytest.skip("this Python has no setuptools from 61 on, which reads pyproject.toml")
    tree = copied(SOURCES, tmp_path_factory.mktemp("tree"))
    (archive,) = built("sdist", tree, tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as file:
        file.extractall(str(folder), **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (name,) = os.listdir(str(folder))
    return folder / name


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    if version_of("setuptools") < (71, 0) and version_of("wheel") == (0, 0):
        pytest.skip("this Python has neither wheel nor a setuptools that makes wheels itself")
    (archive,) = built("wheel", source, tmp_path_factory.mktemp("wheel"))
    return archive


# --- the source archive -----------------------------------------------------------------------------------------------


def test_the_source_archive_has_the_whole_project(source):
    folders = [name for name in SOURCES if os.path.isdir(os.path.join(ROOT, name))]
    assert files_of(source, *folders) == files_of(ROOT, *folders)
    assert [name for name in SOURCES if not os.path.exists(str(source / name))] == []


def test_the_source_archive_runs_its_tests_and_the_first_command_of_the_readme(source):
    words = re.search(r"```sh\npython3 (.*)\n", (source / "README.md").read_text("utf-8")).group(1).split()
    assert ran(sys.executable, *words, cwd=source).rstrip("\n") == joke()
    # Every file of the tests and the fixtures is there (above): one test file stands for all of them.
    ran(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_errors.py", cwd=source)


def test_a_copy_of_the_folder_runs_the_first_command(tmp_path):
    (tmp_path / "yours").mkdir()
    (tmp_path / "yours" / "__init__.py").write_text("")
    copied(["ollama_stream"], tmp_path / "yours")
    program = "import sys; from yours.ollama_stream import Client; print(*Client(sys.argv[1]).stream_chat('m', 'hi'))"
    command = [sys.executable, "-m", "yours.ollama_stream", "replay", os.path.join(ROOT, FIXTURE), "--speed", "0"]
    assert ran(*command, cwd=tmp_path).rstrip("\n") == joke()
    with Server(answer(GOOD)) as server:
        assert ran(sys.executable, "-c", program, server.url, cwd=tmp_path) == "Hi\n"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_path_to_the_folder_or_to_a_zip_of_it_will_do(kind, tmp_path):
    (tmp_path / "folder").mkdir()
    path = str(copied(["ollama_stream", "LICENSE"], tmp_path / "folder"))
    if kind == "zip":
        path = shutil.make_archive(str(tmp_path / "archive"), "zip", path)
    command = [sys.executable, "-m", "ollama_stream"]
    elsewhere = os.path.join(ROOT, "fixtures")
    assert ran(*command, "replay", FIXTURE[9:], "--speed", "0", cwd=elsewhere, PYTHONPATH=path).rstrip("\n") == joke()
    assert ran(*command, "protocol", "1", cwd=elsewhere, PYTHONPATH=path) == cli_run("protocol", "1").out


# --- the wheel --------------------------------------------------------------------------------------------------------


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(names) == files_of(ROOT, "ollama_stream")
    assert {"ollama_stream/PROTOCOL.md", "ollama_stream/py.typed", "ollama_stream/fixture/lines.py"} <= set(names)


def test_the_wheel_says_what_it_is_without_a_word_that_goes_out_of_use(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(name).decode("utf-8").partition("\n\n")[0]
        assert [name for name in archive.namelist() if name.endswith("LICENSE")]
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("License:", "Classifier: License"))] == []
    assert "Requires-Python: >=3.8" in lines and "Classifier: Typing :: Typed" in lines
    assert [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line] == []
    pythons = re.findall(r"^Classifier: Programming Language :: Python :: 3\.(\d+)$", text, re.M)
    assert pythons == [str(minor) for minor in range(8, 8 + len(pythons))] and len(pythons) >= 6
    assert re.search(r"^Project-URL: ", text, re.M)


def test_the_wheel_streams_an_answer_and_has_its_command(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(str(tmp_path / "site"))
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        module, function = re.search(r"^ollama-stream = ([\w.]+):(\w+)$", archive.read(name).decode(), re.M).groups()
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from %s import %s; sys.exit(%s())"
    command = [sys.executable, "-I", "-c", program % (module, function, function), str(tmp_path / "site")]
    assert ran(*command, "replay", os.path.join(ROOT, FIXTURE), "--speed", "0", cwd=tmp_path).rstrip("\n") == joke()


# --- installed --------------------------------------------------------------------------------------------------------

with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
    INSTALLS = re.findall(r"`([^`]* install \.)`", file.read())


@pytest.fixture(scope="module")
def packages(wheel, tmp_path_factory):
    """A folder from which pip takes what it builds with, in place of PyPI: wheels made of what is installed here."""
    if os.name != "posix":
        pytest.skip("the README's commands are for a shell")
    names = ["pip", "setuptools", "wheel", "packaging"]
    here = {package.metadata["Name"]: package for package in metadata.distributions() if package.read_text("RECORD")}
    if not set(names[:2]) <= set(here):
        pytest.skip("this Python has no pip, or it and setuptools did not come as wheels")
    folder = tmp_path_factory.mktemp("packages")
    for name in filter(here.get, names):
        pack(here[name], "%s/%s-%s-py3-none-any.whl" % (folder, name, here[name].version))
    return folder


def pack(package, path):
    """Write the wheel that an installed package came from, but for its commands."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in package.files:
            if not {"..", "__pycache__"} & set(file.parts):
                archive.write(str(file.locate()), file.as_posix())


@pytest.mark.parametrize("command", INSTALLS)
def test_a_command_of_the_readme_installs_what_it_says(command, packages, tmp_path):
    """As it is typed, where ``python3`` is that of a new environment, and its pip this Python's own."""
    pipx = command.startswith("pipx")
    if pipx and (version_of("pipx") == (0, 0) or version_of("pip") < (26, 1)):
        pytest.skip("this Python has no pipx, or not the pip that it wants")
    tree = copied(SOURCES, tmp_path)
    ran(sys.executable, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    scripts = str(tmp_path / "env" / "bin")
    os.mkdir(str(tmp_path / "own"))
    os.symlink(str(metadata.distribution("pip").locate_file("pip")), str(tmp_path / "own" / "pip"))
    settings = {name: "" for name in os.environ if name.startswith("PIP_")}  # of whoever runs this, who may fetch
    settings.update(PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(packages))
    settings.update(PIPX_HOME=str(tmp_path / "pipx"), PIPX_BIN_DIR=scripts)
    path = os.pathsep.join([scripts, os.path.dirname(sys.executable), os.environ["PATH"]])
    own = str(tmp_path / "own")
    ran("sh", "-c", command, cwd=tree, PATH=path, PYTHONPATH=own, PYTHONWARNINGS="ignore", **settings)
    programs = [[os.path.join(scripts, "ollama-stream")], [os.path.join(scripts, "python3"), "-m", "ollama_stream"]]
    for program in programs[:1] if pipx else programs:
        told = ran(*program, "replay", os.path.join(ROOT, FIXTURE), "--speed", "0", cwd=os.path.join(ROOT, "fixtures"))
        assert told.rstrip("\n") == joke()


# --- the .pyz ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    """Made by the README's command."""
    if os.name != "posix":
        pytest.skip("the README's command is one for a shell")
    tree = copied(("LICENSE", "README.md", "ollama_stream"), tmp_path_factory.mktemp("pyz"))
    ran(sys.executable, "-m", "compileall", "-q", os.path.join("ollama_stream", "__init__.py"), cwd=tree)
    found = re.search(r"`([^`]* -m zipapp [^`]* -o (\S+))`", (tree / "README.md").read_text("utf-8"))
    ran("sh", "-c", found.group(1).replace("python3", shlex.quote(sys.executable)), cwd=tree)
    return str(tree / found.group(2))


def test_the_pyz_has_the_files_of_the_package_and_nothing_that_python_made_of_them(pyz):
    with zipfile.ZipFile(pyz) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    assert sorted(names) == sorted(files_of(ROOT, "ollama_stream") + ["__main__.py"])


HELP_OF_EACH = """
import sys
from ollama_stream.cli import main
for command in sys.argv[1:]:
    try:
        status = main([command, "--help"])
    except SystemExit as end:
        status = end.code
    print("end of", command, status)
"""


def test_the_pyz_has_every_command(pyz, tmp_path):
    """In one process: what is in a .pyz is compiled in each."""
    text = ran(sys.executable, "-c", HELP_OF_EACH, *COMMANDS, cwd=tmp_path, PYTHONPATH=pyz).lower()
    for command in COMMANDS:
        help_text, end, text = text.partition("end of %s 0\n" % command)
        assert end and help_text.startswith("usage: "), command


def test_the_pyz_plays_a_recording_and_makes_one_file(pyz, tmp_path):
    command = [sys.executable, "-I", pyz]
    assert ran(*command, "replay", os.path.join(ROOT, FIXTURE), "--speed", "0", cwd=tmp_path).rstrip("\n") == joke()
    assert ran(*command, "vendor", cwd=tmp_path) == cli_run("vendor").out


def test_the_pyz_tells_its_end_by_its_status(pyz):
    with Server(answer(response("404 Not Found", b'{"error":"model not found"}'))) as server:
        variables = environment(OLLAMA_HOST=server.url, PYTHONPATH="")
        done = subprocess.run([sys.executable, pyz, "run", "m", "hi"], env=variables, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"model not found" in done.stderr
