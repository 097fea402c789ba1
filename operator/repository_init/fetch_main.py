"""`python -m glm_operator.repository_init.fetch_main`: the command of the container that fetches the model files."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from glm_operator.api.allowed_urls import AllowedUrls, UrlRefusedError, shown
from glm_operator.api.repository_layout import ALLOWED_URLS_VARIABLE
from glm_operator.repository_init.budget import Clock, Progress, Space, mebibytes
from glm_operator.repository_init.failure import FetchError, disk_failure
from glm_operator.repository_init.fetch_plan import FetchPlan, HttpArchive, Secret, read_fetch_plan
from glm_operator.repository_init.http_source import ArchiveFetch, Surroundings
from glm_operator.repository_init.staging import Staging
from glm_operator.repository_init.termination import tell_failure
from glm_operator.repository_init.unpack import unpack


def main() -> int:
    """Fetch the files; a failure's reason becomes the container's last words, which the operator reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="folder with fetch.json")
    parser.add_argument("--target", type=Path, required=True, help="folder that the model folders are put into")
    arguments = parser.parse_args()
    try:
        fetch(read_fetch_plan(arguments.plan), Staging(arguments.target), os.environ)
    except (FetchError, UrlRefusedError) as error:
        tell_failure(error)
        return 1
    except OSError as error:
        tell_failure(disk_failure(error))
        return 1
    return 0


def fetch(plan: FetchPlan, staging: Staging, environment: Mapping[str, str], clock: Clock | None = None) -> None:
    """Fetch what the plan says, or what of it an earlier run has left to do.

    Raises:
        FetchError, UrlRefusedError: it can't be had.
        OSError: the volume can't be written to.
    """
    if staging.open():
        _tell("all files are there")
        return
    clock = clock or Clock()
    address = shown(plan.source.uri)
    around = Surroundings(
        allowed=AllowedUrls.parse(environment.get(ALLOWED_URLS_VARIABLE, "")),
        secret=Secret.from_environment(plan.secret_name, environment),
        space=Space(plan.size_limit_bytes),
        progress=Progress(address, plan.timeout_seconds, clock, _tell),
        clock=clock,
        tell=_tell,
    )
    _tell(f"fetching {address}")
    if isinstance(plan.source, HttpArchive):
        count = _fetch_archive(plan.source, around, staging)
    else:
        # Imported here: it takes a third of a second.
        from glm_operator.repository_init.s3_source import ObjectsFetch

        count = ObjectsFetch(plan.source, around, staging).run()
    staging.finish()
    _tell(f"{around.progress.line()}; {count} files and folders, done")


def _fetch_archive(source: HttpArchive, around: Surroundings, staging: Staging) -> int:
    archive = ArchiveFetch(source, around, staging.parts).run()
    size = archive.stat().st_size
    _tell(f"the SHA-256 is right; unpacking {mebibytes(size)}")
    around.space.take(size)
    staging.clear_content()
    return unpack(archive, staging.content, around.space, around.progress)


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
