"""Private networks."""

from secure_containers.network.addresses import Egress
from secure_containers.network.private_network import IMAGE_PULL, PrivateNetwork

__all__ = ["IMAGE_PULL", "Egress", "PrivateNetwork"]
