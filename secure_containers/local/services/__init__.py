"""The services that ministack lacks or only pretends to have, as far as the stacks and their tests call them."""
