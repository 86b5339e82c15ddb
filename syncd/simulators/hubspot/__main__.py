"""`python -m syncd.simulators.hubspot`."""

import sys

from .command import main

sys.exit(main())
