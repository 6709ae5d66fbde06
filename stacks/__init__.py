"""Reference stacks: deployable as they are, and worth copying."""
