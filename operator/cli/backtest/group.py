"""The group of the backtests. A sub-command is imported when it is used: its libraries are an extra."""

import importlib
from typing import Final

import click

SUBCOMMANDS: Final = {
    "anomalies": "glm_operator.cli.backtest.anomalies.command:anomalies",
    "scaling": "glm_operator.cli.backtest.scaling.command:scaling",
}
EXTRA_IS_MISSING: Final = (
    "a library of the backtests is missing ({name}); install them: pip install 'glm-operator[backtest]'"
)


class LazyGroup(click.Group):
    """A group that knows its sub-commands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted({*super().list_commands(ctx), *SUBCOMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The sub-command, imported now."""
        if cmd_name not in SUBCOMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = SUBCOMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in SUBCOMMANDS
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run it. Some libraries are only imported where they are needed, in the midst of a run."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise click.ClickException(EXTRA_IS_MISSING.format(name=error.name)) from None


@click.group(cls=LazyGroup)
def backtest() -> None:
    """Try a feature on past data, before it is switched on."""
