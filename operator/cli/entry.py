"""The `kubectl-glm` command: `analyze` starts without the Kubernetes client, whose import alone takes a second."""

import sys


def main() -> None:
    """Run the subcommand that the arguments name."""
    if sys.argv[1:2] == ["analyze"]:
        from glm_operator.cli.analyze import analyze_command

        analyze_command(args=sys.argv[2:], prog_name="kubectl-glm analyze")
    else:
        from glm_operator.cli.main import main as everything

        everything()


if __name__ == "__main__":
    main()
