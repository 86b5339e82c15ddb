"""`python -m syncd.simulators.salesforce`."""

import sys

from .command import main

sys.exit(main())
