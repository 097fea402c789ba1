"""How a command of this machine is run in the local cluster's network."""

import sys
from typing import Final

INSIDE: Final = (sys.executable, "-m", "devcluster", "exec", "--")
"""What stands before the command; run it in the checkout."""
