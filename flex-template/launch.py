"""What the Flex Template's launcher runs: see `pipeline/engines/flex_template.py`."""

from pipeline.engines.flex_template import main

main()
