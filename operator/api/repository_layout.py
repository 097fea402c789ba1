"""What the operator and the init container agree on about the plan of a model repository. Standard library only."""

from typing import Final, Literal

PLAN_FILE: Final = "repository.json"
CONFIG_SUFFIX: Final = ".config.pbtxt"
"""A model's generated configuration is `MODEL` and this, beside the plan."""

Layout = Literal["ConfigMapKeys", "Folders"]
CONFIG_MAP_KEYS: Final = "ConfigMapKeys"
"""Files named MODEL.VERSION.FILENAME."""
FOLDERS: Final = "Folders"
"""MODEL/VERSION/FILENAME."""
