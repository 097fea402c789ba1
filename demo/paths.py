"""Where things are."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CHART: Final = ROOT / "charts/glm-operator"
SAMPLES: Final = ROOT / "manifests/samples"
IMAGES: Final = ROOT / "build/images"
MODELS: Final = ROOT / "build/models"
