"""Apps that the tests deploy over, or beside, the reference stacks."""
