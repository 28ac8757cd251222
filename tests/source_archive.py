"""The source archive, with what its tests need, which setuptools would take from a MANIFEST.in alone."""

import os

from setuptools.command.sdist import sdist

FOLDERS = ("tests", "fixtures", ".ci")


class SourceArchive(sdist):
    """Named in pyproject.toml, so that whoever builds the archive gets this one."""

    def make_distribution(self) -> None:
        for top in FOLDERS:
            for folder, _, names in os.walk(top):
                if os.path.basename(folder) not in ("__pycache__", ".pytest_cache"):
                    self.filelist.extend(os.path.join(folder, name) for name in sorted(names))
        super().make_distribution()
