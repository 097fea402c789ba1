"""Two texts of a real Triton; triton-2.51.md tells how they were made."""

from pathlib import Path

FOLDER = Path(__file__).parent
BEFORE = (FOLDER / "triton-2.51-before.txt").read_bytes()
AFTER = (FOLDER / "triton-2.51-after.txt").read_bytes()
STEPS = {"chain": ("echo", "slow"), "fragile": ("echo", "picky")}
