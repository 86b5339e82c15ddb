"""`python -m syncd.simulators.vicidial`."""

import sys

from .command import main

sys.exit(main())
