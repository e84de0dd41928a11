# tools: the checks of the tree itself, run with the tests.
