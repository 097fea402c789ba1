"""What the operator and the init containers agree on about a model repository. Standard library only."""

from typing import Final, Literal

PLAN_FILE: Final = "repository.json"
CONFIG_SUFFIX: Final = ".config.pbtxt"
"""A model's generated configuration is `MODEL` and this, beside the plan."""

Layout = Literal["ConfigMapKeys", "Folders"]
CONFIG_MAP_KEYS: Final = "ConfigMapKeys"
"""Files named MODEL.VERSION.FILENAME."""
FOLDERS: Final = "Folders"
"""MODEL/VERSION/FILENAME."""

CONFIG_PARAMETER: Final = "glm.config"
"""Parameter in every generated configuration: hash of the configuration without it. Backends ignore what they don't
know, and Triton gives it back with the model's configuration: so a server tells what it really runs."""
FILES_PARAMETER: Final = "glm.files"
"""The same for the model's files, written by whoever laid them out; only where they come from a ConfigMap."""

FETCH_FILE: Final = "fetch.json"
"""Beside the plan, where the files have to be fetched: from where, and within which limits."""
SECRET_PREFIX: Final = "GLM_SECRET_"  # noqa: S105
"""The fetch container gets each key of the user's Secret as an environment variable: this and the key."""
ALLOWED_URLS_VARIABLE: Final = "GLM_REPOSITORY_URLS"
"""Environment variable with the list of allowed addresses, of the operator and of the fetch container."""
