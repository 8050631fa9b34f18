"""`python -m trainer VERB`, which `torchrun -m trainer VERB` starts once for each GPU."""

import sys

from trainer.cli import main

sys.exit(main())
