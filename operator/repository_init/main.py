"""`python -m glm_operator.repository_init.main`: the init container's command."""

import argparse
import sys
from pathlib import Path

from glm_operator.repository_init.layout import RepositoryError, lay_out, read_plan
from glm_operator.repository_init.termination import tell_failure


def main() -> int:
    """Lay out the repository; a failure's reason goes to the termination log, from where the operator reports it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="folder with repository.json and the configurations")
    parser.add_argument("--source", type=Path, required=True, help="folder with the model files")
    parser.add_argument("--target", type=Path, required=True, help="folder that becomes the repository")
    arguments = parser.parse_args()
    try:
        for line in lay_out(read_plan(arguments.plan), arguments.plan, arguments.source, arguments.target):
            print(line, flush=True)
    except (RepositoryError, OSError) as error:
        tell_failure(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
